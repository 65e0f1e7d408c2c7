package intake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"eventanalytics/pkg/event"
	"eventanalytics/services/ingest/store"
)

// Once makes a whole request repeatable under an idempotency key. The answer to
// the first request with the key is kept in the transaction that stores its
// events, and given to the later ones, which store nothing. Answers are kept for
// 24 hours, within the bounds of KeptConfig.
type Once struct {
	Key     string // of the client, inside the project; at most 200 characters
	Request []byte // digest of all that must be equal for the key to mean the same request
	// Render makes the answer to keep, of what became of the events or of why they
	// are refused; refusal is nil, *InvalidError, *ConflictError or what Refuse was
	// given. It may be called more than once; what it returns last is kept. When it
	// fails, nothing is stored.
	Render func(r Result, refusal error) (Answer, error)
}

// Answer in the form of the caller's protocol.
type Answer struct {
	Status int // the protocol's own; only kept here
	Body   []byte
}

// Kept is an answer that is kept under an idempotency key.
type Kept struct {
	Answer
	Replayed bool // it is that of an earlier request; nothing else is known of its outcome
}

// Errors of requests with an idempotency key. Their answers are not kept.
var (
	// ErrKeyInUse is returned when the first request with the key is still being
	// answered after 30 seconds.
	ErrKeyInUse = errors.New("a request with this idempotency key is still being answered")
	// ErrKeyReused is returned when the key is known with another Once.Request.
	ErrKeyReused = errors.New("this idempotency key was used for another request")
)

// keyLife is how long an answer is kept.
const keyLife = 24 * time.Hour

// keyWait is how long a second request waits for the first with its key.
const keyWait = 30 * time.Second

// once stores a batch, unless refusal is not nil, and keeps the answer; or it
// returns the one that is kept already.
func (in *Intake) once(ctx context.Context, project int64, batch *event.Batch, refusal error, o Options) (Result, error) {
	var result Result
	var out store.Outcome
	var added bool
	err := in.store.InTx(ctx, project, func(tx pgx.Tx) error { // more than once, perhaps
		result, added = Result{}, false
		var err error
		if result.Kept, err = o.Once.find(ctx, tx, project); err != nil || result.Kept != nil {
			return err
		}
		refusal := refusal
		if refusal == nil {
			out, err = store.AddIn(ctx, tx, project, batch, o.Atomic)
			switch {
			case err == nil:
				result, added = in.result(project, batch, out), true
			case errors.Is(err, store.ErrConflict):
				refusal = &ConflictError{Indexes: out.Conflicts}
			default:
				return err
			}
		}
		answer, err := o.Once.Render(result, refusal)
		if err != nil {
			return err
		}
		result.Kept = &Kept{Answer: answer}
		return o.Once.keep(ctx, tx, project, answer)
	})
	if err != nil {
		return Result{}, err
	}
	if !result.Kept.Replayed {
		in.kept.add(project, len(result.Kept.Body), in.now())
	}
	if added {
		in.stored(batch, out)
	}
	return result, nil
}

const lockKeySQL = `SELECT pg_advisory_xact_lock(hashtextextended($2, $1))`

const findKeySQL = `
SELECT request, status, answer FROM analytics.idempotency_keys
WHERE project_id = $1 AND key = $2 AND created_at > now() - $3::interval`

// find locks the key for the rest of tx and returns the answer kept under it, or
// nil.
func (o *Once) find(ctx context.Context, tx pgx.Tx, project int64) (*Kept, error) {
	if _, err := tx.Exec(ctx, fmt.Sprintf("SET LOCAL lock_timeout = %d", keyWait.Milliseconds())); err != nil {
		return nil, fmt.Errorf("setting the lock timeout: %w", err)
	}
	if _, err := tx.Exec(ctx, lockKeySQL, project, o.Key); err != nil {
		var pg *pgconn.PgError
		if errors.As(err, &pg) && pg.Code == "55P03" { // lock_not_available
			return nil, ErrKeyInUse
		}
		return nil, fmt.Errorf("locking the idempotency key: %w", err)
	}
	var request []byte
	k := Kept{Replayed: true}
	err := tx.QueryRow(ctx, findKeySQL, project, o.Key, keyLife).Scan(&request, &k.Status, &k.Body)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading the idempotency key: %w", err)
	case !bytes.Equal(request, o.Request):
		return nil, ErrKeyReused
	}
	return &k, nil
}

const keepKeySQL = `
INSERT INTO analytics.idempotency_keys (project_id, key, request, status, answer)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (project_id, key) DO UPDATE
SET request = excluded.request, status = excluded.status, answer = excluded.answer, created_at = now()`

// keep stores the answer; it can be found once tx has committed.
func (o *Once) keep(ctx context.Context, tx pgx.Tx, project int64, a Answer) error {
	if _, err := tx.Exec(ctx, keepKeySQL, project, o.Key, o.Request, a.Status, a.Body); err != nil {
		return fmt.Errorf("keeping the answer: %w", err)
	}
	return nil
}

const expireKeysSQL = `DELETE FROM analytics.idempotency_keys WHERE created_at < now() - $1::interval`
