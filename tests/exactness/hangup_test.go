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

// hangUp sends the first n bytes of an upload's body over a connection of its own
// and closes that without waiting for an answer. A chunked body lacks its end.
func (c *caller) hangUp(ctx context.Context, base string, u upload, n int, chunked, reset bool) error {
	where, err := url.Parse(base)
	if err != nil {
		return err
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", where.Host)
	if err != nil {
		return err
	}
	defer conn.Close()
	if reset {
		if err := conn.(*net.TCPConn).SetLinger(0); err != nil {
			return err
		}
	}
	var head strings.Builder
	fmt.Fprintf(&head, "POST /api/events HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n", where.Host, c.token)
	for name, value := range u.header {
		fmt.Fprintf(&head, "%s: %s\r\n", name, value)
	}
	if chunked { // one whole chunk, and no other
		fmt.Fprintf(&head, "Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", n, u.body[:n])
	} else {
		fmt.Fprintf(&head, "Content-Length: %d\r\n\r\n%s", len(u.body), u.body[:n])
	}
	_, err = conn.Write([]byte(head.String()))
	return err
}

// TestHangUpMidBody breaks uploads off in the middle: nothing of them is stored,
// even where the half would be a good upload by itself.
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
					if err := c.hangUp(ctx, replicas[i%2], u, n, chunked, reset); err != nil {
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

// TestHangUpBeforeAnswer has clients who send everything and do not wait for the
// answer, beside others who do and must get theirs.
func TestHangUpBeforeAnswer(t *testing.T) {
	rng := newRand(t, 0)
	c := newCaller(t)
	facts := newFacts(rng, 8_000)
	for _, n := range []int{1, 1, 1, 10, 10, 10, 300, 300, 5_000} {
		const clients = 32
		uploads := make([]upload, clients)
		for i := range uploads {
			uploads[i] = jsonUpload(pick(rng, facts[:min(20*n, len(facts))], n, order(i%int(orders))))
		}
		atOnce(t, clients, func(ctx context.Context, client int) error {
			u, base := uploads[client], replicas[client/2%2]
			if client%2 == 0 {
				return c.hangUp(ctx, base, u, len(u.body), false, client%4 == 0 && n < 1_000)
			}
			_, err := c.mustPost(ctx, base, u, n)
			return err
		})
	}
	_, err := c.mustPost(t.Context(), gateway, jsonUpload(facts), len(facts))
	require.NoError(t, err)
	c.holds(t, facts)
}
