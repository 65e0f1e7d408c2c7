package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/zap"
)

// listenPause is how long Listen waits before it reconnects.
const listenPause = time.Second

// Listen calls woken after each notification on a channel, and once after each
// (re)connection because some may have been missed. It holds one of the pool's
// connections until ctx ends. Notifications only make their receiver faster; it
// must also poll.
func Listen(ctx context.Context, pool *pgxpool.Pool, channel string, log *zap.Logger, woken func()) {
	for {
		err := listen(ctx, pool, channel, woken)
		if ctx.Err() != nil {
			return
		}
		log.Warn("listening to Postgres; reconnecting", zap.String("channel", channel), zap.Error(err))
		timer := time.NewTimer(listenPause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

func listen(ctx context.Context, pool *pgxpool.Pool, channel string, woken func()) error {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	// Closing it keeps a connection that is still listening out of the pool.
	defer conn.Release()
	defer conn.Conn().Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{channel}.Sanitize()); err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	for {
		woken()
		if _, err := conn.Conn().WaitForNotification(ctx); err != nil {
			return fmt.Errorf("waiting for a notification: %w", err)
		}
	}
}
