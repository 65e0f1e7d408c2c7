package faults

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	"eventanalytics/tests/harness/stack"
)

// bridge accepts TCP connections to Postgres, which only listens on a Unix socket.
type bridge struct {
	listener net.Listener
	socket   string // path
}

func newBridge(socket string) (*bridge, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("bridging to Postgres: %w", err)
	}
	b := &bridge{listener, socket}
	go b.serve()
	return b, nil
}

func (b *bridge) serve() {
	for {
		client, err := b.listener.Accept()
		if err != nil {
			return // closed
		}
		go func() {
			defer client.Close()
			server, err := net.Dial("unix", b.socket)
			if err != nil {
				return // Postgres is down, and the client's connection closes
			}
			defer server.Close()
			go func() {
				_, _ = io.Copy(server, client)
				_ = server.(*net.UnixConn).CloseWrite()
			}()
			_, _ = io.Copy(client, server)
		}()
	}
}

// proxy stands between one service and Postgres.
type proxy struct{ *toxiproxy.Proxy }

var toxics = toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())

func newProxy(name, upstream string) (*proxy, error) {
	port, err := stack.FreePort() // one that is still free when the proxy is up again
	if err != nil {
		return nil, err
	}
	p := &proxy{toxiproxy.NewProxy(toxics, name, fmt.Sprintf("127.0.0.1:%d", port), upstream)}
	if err := p.Start(); err != nil {
		return nil, fmt.Errorf("starting a proxy: %w", err)
	}
	return p, nil
}

// cut ends all connections; new ones are refused until up is called.
func (p *proxy) cut() { p.Stop() }

func (p *proxy) up() error {
	if err := p.Start(); err != nil && !errors.Is(err, toxiproxy.ErrProxyAlreadyStarted) {
		return fmt.Errorf("starting a proxy: %w", err)
	}
	return nil
}

const mute = "mute"

// mute lets requests reach Postgres but drops its answers. A cut must follow: the
// answers are lost.
func (p *proxy) mute() error {
	_, err := p.Toxics.AddToxicJson(strings.NewReader(`{"name":"` + mute + `","type":"timeout","stream":"downstream","attributes":{"timeout":0}}`))
	return err
}

func (p *proxy) unmute(ctx context.Context) error { return p.Toxics.RemoveToxic(ctx, mute) }
