package share

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/platform/postgres"
	"eventanalytics/pkg/refusal"
)

// Opened is a board that somebody has the secret of a share of.
type Opened struct {
	ID        int64 // of the share
	Project   int64
	WeekStart string // of the project
	Timezone  string // of the project
	SharedBoard
}

// useEvery is how often the use of one share is written, at most.
const useEvery = time.Hour

const (
	openSQL = `
SELECT s.id, b.project_id, p.week_start, p.timezone, s.name, s.version, s.as_of, CASE WHEN s.moving THEN 'moving' ELSE 'still' END, s.expires_at, s.content,
    coalesce(s.last_used_at < now() - make_interval(secs => $2), true)
FROM analytics.shares AS s
JOIN analytics.boards AS b ON b.id = s.board_id
JOIN analytics.projects AS p ON p.id = b.project_id
WHERE s.hash = $1 AND s.expires_at > now()`

	// Others may have been faster.
	usedSQL = `
UPDATE analytics.shares SET last_used_at = now()
WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < now() - make_interval(secs => $2))`
)

// ErrClosed refuses every secret that opens nothing in the same words: whether there was a
// share, and why it is gone, is nobody's business.
var ErrClosed = auth.Unauthorized("the link does not work: it may have expired or been revoked")

// Open returns the board that a secret shows, and notes the use. It asks Postgres each
// time, so that a share that was revoked stops working at once.
func Open(ctx context.Context, pool *pgxpool.Pool, secret string) (o Opened, err error) {
	if !auth.IsShareSecret(secret) {
		return o, ErrClosed
	}
	var content string
	var due bool
	err = pool.QueryRow(ctx, openSQL, auth.HashCredential(secret), useEvery.Seconds()).Scan(
		&o.ID, &o.Project, &o.WeekStart, &o.Timezone, &o.Name, &o.Version, &o.AsOf, &o.Dates, &o.ExpiresAt, &content, &due)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return Opened{}, ErrClosed
	case err != nil:
		return Opened{}, wrap("opening a share", err)
	}
	if err := json.Unmarshal([]byte(content), &o.Content); err != nil {
		return Opened{}, fmt.Errorf("reading a share: %w", err)
	}
	if due {
		if _, err := pool.Exec(ctx, usedSQL, o.ID, useEvery.Seconds()); err != nil {
			return Opened{}, wrap("noting the use of a share", err)
		}
	}
	return o, nil
}

// wrap says what failed. While Postgres is away, the caller is asked to come back.
func wrap(doing string, err error) error {
	var refused *refusal.Error
	if err == nil || errors.As(err, &refused) {
		return err
	}
	err = fmt.Errorf("%s: %w", doing, err)
	if postgres.Unavailable(err) {
		return refusal.Later("unavailable", "boards cannot be reached now; try again", 2*time.Second, err)
	}
	return err
}
