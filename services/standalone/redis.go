package standalone

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// redisServer is an in-process Redis. It holds only rate limits, which may be
// lost.
type redisServer struct {
	m   *miniredis.Miniredis
	url string
}

// startRedis listens on a free loopback port; a password keeps other users of the
// machine out.
func startRedis() (*redisServer, error) {
	m := miniredis.NewMiniRedis()
	password := rand.Text()
	m.RequireAuth(password)
	if err := m.Start(); err != nil {
		return nil, fmt.Errorf("starting the in-process Redis: %w", err)
	}
	return &redisServer{m, "redis://:" + password + "@" + m.Addr() + "/0"}, nil
}

// run expires keys, which miniredis does not do on its own.
func (r *redisServer) run(ctx context.Context) error {
	const second = time.Second
	ticker := time.NewTicker(second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			r.m.FastForward(second)
		}
	}
}

func (r *redisServer) close() { r.m.Close() }
