package ingest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"eventanalytics/pkg/platform/problem"
)

// idempotency makes a whole upload repeatable: the answer to the first request
// with a key is stored in the batch's own transaction and given again.
type idempotency struct {
	key     string
	request []byte // what must be equal for the key to mean the same request
}

// keyLife is how long an answer is kept.
const keyLife = 24 * time.Hour

// keyWait is how long a second request waits for the first with its key.
const keyWait = 30 * time.Second

func newIdempotency(key string, bodySum []byte, atomic bool) *idempotency {
	h := sha256.New()
	h.Write(bodySum)
	fmt.Fprint(h, " atomic=", atomic)
	return &idempotency{key: key, request: h.Sum(nil)}
}

const lockKeySQL = `SELECT pg_advisory_xact_lock(hashtextextended($2, $1))`

const findKeySQL = `
SELECT request, status, answer FROM analytics.idempotency_keys
WHERE project_id = $1 AND key = $2 AND created_at > now() - $3::interval`

// find locks the key for the rest of tx and returns the answer stored under it,
// if there is one.
func (i *idempotency) find(ctx context.Context, tx pgx.Tx, project int64) (*reply, error) {
	if _, err := tx.Exec(ctx, fmt.Sprintf("SET LOCAL lock_timeout = %d", keyWait.Milliseconds())); err != nil {
		return nil, fmt.Errorf("setting the lock timeout: %w", err)
	}
	if _, err := tx.Exec(ctx, lockKeySQL, project, i.key); err != nil {
		var pg *pgconn.PgError
		if errors.As(err, &pg) && pg.Code == "55P03" { // lock_not_available
			p := problem.New(http.StatusConflict, "in-progress", "a request with this Idempotency-Key is still being answered")
			p.RetryAfter = time.Second
			return nil, p
		}
		return nil, fmt.Errorf("locking the idempotency key: %w", err)
	}
	var request []byte
	r := reply{replayed: true}
	err := tx.QueryRow(ctx, findKeySQL, project, i.key, keyLife).Scan(&request, &r.status, &r.body)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading the idempotency key: %w", err)
	case !bytes.Equal(request, i.request):
		return nil, problem.New(http.StatusConflict, "idempotency-key-reused", "this Idempotency-Key was used for another request")
	}
	return &r, nil
}

const keepKeySQL = `
INSERT INTO analytics.idempotency_keys (project_id, key, request, status, answer)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (project_id, key) DO UPDATE
SET request = excluded.request, status = excluded.status, answer = excluded.answer, created_at = now()`

// keep stores the answer; it is there once tx commits.
func (i *idempotency) keep(ctx context.Context, tx pgx.Tx, project int64, r *reply) error {
	if _, err := tx.Exec(ctx, keepKeySQL, project, i.key, i.request, r.status, r.body); err != nil {
		return fmt.Errorf("keeping the answer: %w", err)
	}
	return nil
}

const expireKeysSQL = `DELETE FROM analytics.idempotency_keys WHERE created_at < now() - $1::interval`
