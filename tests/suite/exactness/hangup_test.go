package exactness

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// broken is how an upload is broken off.
type broken struct {
	bytes   int             // of the body that are sent
	chunked bool            // the body then lacks its end
	reset   bool            // what the network still has of it is thrown away
	until   <-chan struct{} // when to hang up; nil for at once
}

// hangUp sends an upload over a connection of its own and closes that without
// waiting for an answer.
func (c *caller) hangUp(ctx context.Context, base string, u upload, how broken) error {
	where, err := url.Parse(base)
	if err != nil {
		return err
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", where.Host)
	if err != nil {
		return err
	}
	defer conn.Close()
	if how.reset {
		if err := conn.(*net.TCPConn).SetLinger(0); err != nil {
			return err
		}
	}
	var head strings.Builder
	fmt.Fprintf(&head, "POST /api/events HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n", where.Host, c.Token())
	for name, value := range u.header {
		fmt.Fprintf(&head, "%s: %s\r\n", name, value)
	}
	if how.chunked { // one whole chunk, and no other
		fmt.Fprintf(&head, "Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", how.bytes, u.body[:how.bytes])
	} else {
		fmt.Fprintf(&head, "Content-Length: %d\r\n\r\n%s", len(u.body), u.body[:how.bytes])
	}
	if _, err := conn.Write([]byte(head.String())); err != nil || how.until == nil {
		return err
	}
	select {
	case <-how.until:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// TestHangUpMidBody breaks uploads off in the middle: nothing of them is stored,
// even where the half would be a good upload of its own.
func TestHangUpMidBody(t *testing.T) {
	rng := newRand(t, 0)
	c := newCaller(t)
	const events = 20_000
	var all []fact
	g, ctx := errgroup.WithContext(t.Context())
	for i := range 6 {
		facts := newFacts(rng, events)
		all = append(all, facts...)
		u := newUpload(facts, nil, i%2 == 0, []string{"", "", "gzip"}[i%3])
		n := len(u.body) / 2
		if line := strings.LastIndexByte(string(u.body[:n]), '\n'); line > 0 && u.header["Content-Encoding"] == "" {
			n = line + 1
		}
		g.Go(func() error {
			for _, reset := range []bool{false, true} {
				for _, chunked := range []bool{false, true} {
					if err := c.hangUp(ctx, replicas[i%2], u, broken{bytes: n, chunked: chunked, reset: reset}); err != nil {
						return fmt.Errorf("hanging up: %w", err)
					}
				}
			}
			a, err := c.mustPost(ctx, replicas[1-i%2], u, events)
			if err == nil && a.Accepted != events {
				err = fmt.Errorf("something of a broken upload was stored: %s", a)
			}
			return err
		})
	}
	require.NoError(t, g.Wait())
	c.holds(t, all)
}

// TestHangUpBeforeAnswer has clients that send everything and do not wait for the
// answer, beside others that do and must get theirs.
func TestHangUpBeforeAnswer(t *testing.T) {
	const clients = 32 // half of them hang up
	c := newCaller(t)
	facts := newFacts(newRand(t, 0), 8_000)
	for round, x := range []struct{ events, uploads int }{{1, 40}, {10, 15}, {300, 2}, {5_000, 1}} {
		// Some hang up when another is answered, some at once: their own uploads are
		// then at any stage.
		answered := make(chan struct{}, clients*x.uploads)
		some := facts[:min(20*x.events, len(facts))]
		atOnce(t, clients, func(ctx context.Context, client int) error {
			rng := newRand(t, 1+round*clients+client)
			for i := range x.uploads {
				base := replicas[rng.IntN(2)]
				u := jsonUpload(pick(rng, some, x.events, order(i%int(orders))))
				if client%2 == 0 {
					if _, err := c.mustPost(ctx, base, u, x.events); err != nil {
						return err
					}
					answered <- struct{}{}
					continue
				}
				until := answered
				if rng.IntN(4) == 0 {
					until = nil
				}
				if err := c.hangUp(ctx, base, u, broken{bytes: len(u.body), until: until}); err != nil {
					return fmt.Errorf("hanging up: %w", err)
				}
			}
			return nil
		})
	}
	_, err := c.mustPost(t.Context(), gateway, jsonUpload(facts), len(facts))
	require.NoError(t, err)
	c.holds(t, facts)
}
