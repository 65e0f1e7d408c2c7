package server

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// ConnectionConfig bounds the connections of a server that clients reach directly.
type ConnectionConfig struct {
	Max        int `env:"MAX_CONNECTIONS" envDefault:"8192" doc:"Maximum connections of all clients; further ones are answered 503"`
	PerAddress int `env:"MAX_CONNECTIONS_PER_ADDRESS" envDefault:"1024" doc:"Maximum connections of one client address (IPv6: of one /64 network); further ones are answered 429. An office behind one address has six for each browser; behind a proxy, set it to MAX_CONNECTIONS"`
}

// Validate reports everything that is wrong with the bounds.
func (c *ConnectionConfig) Validate() error {
	var errs []error
	if c.Max <= 0 {
		errs = append(errs, fmt.Errorf("MAX_CONNECTIONS is %d, it must be positive", c.Max))
	}
	if c.PerAddress <= 0 {
		errs = append(errs, fmt.Errorf("MAX_CONNECTIONS_PER_ADDRESS is %d, it must be positive", c.PerAddress))
	}
	return errors.Join(errs...)
}

// Network is the client that an address stands for: the address itself, or its /64
// for IPv6, all of which one customer has.
func Network(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil || a.Unmap().Is4() {
		return address
	}
	p, err := a.WithZone("").Prefix(64)
	if err != nil {
		return address
	}
	return p.String()
}

// LimitConnections bounds the connections that ln accepts. Those beyond a bound get
// an answer and are closed. How many there are goes into registry.
func LimitConnections(ln net.Listener, cfg ConnectionConfig, registry prometheus.Registerer) net.Listener {
	f := promauto.With(registry)
	l := &limitedListener{
		Listener: ln, cfg: cfg, open: map[string]int{}, refusing: make(chan struct{}, maxRefusing),
		refused: f.NewCounterVec(prometheus.CounterOpts{
			Name: "analytics_gateway_connections_refused_total", Help: "Connections refused because too many were open: of all clients, or of their address.",
		}, []string{"whose"}),
	}
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "analytics_gateway_connections", Help: "Connections of clients that are open.",
	}, func() float64 {
		l.mu.Lock()
		defer l.mu.Unlock()
		return float64(l.all)
	})
	return l
}

type limitedListener struct {
	net.Listener
	cfg      ConnectionConfig
	refusing chan struct{} // holds a token for each that is being answered
	refused  *prometheus.CounterVec

	mu   sync.Mutex
	all  int
	open map[string]int // by network
}

const (
	// maxRefusing is how many refused connections are answered at a time; more are
	// just closed.
	maxRefusing = 64
	// refusalTime is how long a client may take to send the request that is refused.
	refusalTime = time.Second
)

func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		client := c.RemoteAddr().String()
		if host, _, err := net.SplitHostPort(client); err == nil {
			client = Network(host)
		}
		refusal := l.enter(client)
		if refusal == "" {
			return &limitedConn{Conn: c, leave: sync.OnceFunc(func() { l.leave(client) })}, nil
		}
		select {
		case l.refusing <- struct{}{}:
			go func() {
				defer func() { <-l.refusing }()
				refuseConn(c, refusal)
			}()
		default:
			_ = c.Close() // nobody is told
		}
	}
}

// enter counts a connection, or returns the answer to one that is refused.
func (l *limitedListener) enter(client string) (refusal string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.open[client] >= l.cfg.PerAddress:
		l.refused.WithLabelValues("address").Inc()
		return tooManyOfAddress
	case l.all >= l.cfg.Max:
		l.refused.WithLabelValues("all").Inc()
		return tooManyOfAll
	}
	l.all++
	l.open[client]++
	return ""
}

func (l *limitedListener) leave(client string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all--
	if l.open[client]--; l.open[client] == 0 {
		delete(l.open, client)
	}
}

const (
	refusalHead      = "Content-Type: application/problem+json\r\nRetry-After: 1\r\nConnection: close\r\n\r\n"
	tooManyOfAddress = "HTTP/1.1 429 Too Many Requests\r\n" + refusalHead +
		`{"type":"/problems/too-many-connections","title":"Too Many Requests","status":429,"detail":"Too many connections from this address; try again."}` + "\n"
	tooManyOfAll = "HTTP/1.1 503 Service Unavailable\r\n" + refusalHead +
		`{"type":"/problems/unavailable","title":"Service Unavailable","status":503,"detail":"Too many connections; try again."}` + "\n"
)

// refuseConn answers whatever the client may ask, and reads what it sends, so that
// it gets to read the answer.
func refuseConn(c net.Conn, answer string) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(refusalTime))
	if _, err := c.Write([]byte(answer)); err != nil {
		return // the client has gone
	}
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	buffer := make([]byte, 4<<10)
	for err := error(nil); err == nil; {
		_, err = c.Read(buffer)
	}
}

// limitedConn counts until it is closed.
type limitedConn struct {
	net.Conn
	leave func()
}

func (c *limitedConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}

// CloseWrite is for net/http, which so lets a client read the last answer.
func (c *limitedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
