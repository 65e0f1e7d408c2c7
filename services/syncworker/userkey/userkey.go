// Package userkey gives each user of a project a permanent integer: the
// warehouse counts with these keys instead of texts.
package userkey

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/failpoint"
)

// ErrExhausted is returned when a project has no key left for a new user.
var ErrExhausted = errors.New("all user keys are in use")

const (
	// maxKeys of a project: keys are Postgres integers.
	maxKeys = 1 << 31
	// maxUsers bounds a statement's size, and how long others wait for the
	// project's keys.
	maxUsers = 10_000
	// maxBytes of a user's id: 200 code points. From about 2,700 on Postgres may
	// refuse to index it.
	maxBytes = 800
	// none stands for a key that is not known yet.
	none = ^uint32(0)
)

// Check returns an error for an event whose user cannot have a key. Events that
// ingest let pass are never that long.
func Check(e event.Event) error {
	if len(e.UserID) > maxBytes {
		return fmt.Errorf("user_id has more than %d bytes", maxBytes)
	}
	return nil
}

// Keys gives users their keys. They are exact: two users of a project never have
// the same, and none ever gets another. Its methods may be called at the same
// time, and others may assign keys in the same database.
type Keys struct {
	pool *pgxpool.Pool

	mu    sync.Mutex
	cache cache // of committed keys alone
}

// New makes Keys that remember up to cached keys, at 100 to 150 bytes each. What
// they remember is true until the database goes back to an earlier state.
func New(pool *pgxpool.Pool, cached int) *Keys {
	return &Keys{pool: pool, cache: newCache(cached)}
}

// Of returns the key of each event's user, in the order of events. New users of
// the project get the next ones, from 0 on, in the order of their ids' bytes;
// these are committed when Of returns, and also when it fails later on.
// It returns ErrExhausted for a new user of a project that has 2³¹ already.
func (k *Keys) Of(ctx context.Context, project int64, events []event.Event) ([]uint32, error) {
	keys := make([]uint32, len(events))
	k.mu.Lock()
	missed := k.cache.find(project, events, keys)
	k.mu.Unlock()
	slices.SortFunc(missed, func(a, b int) int { return strings.Compare(events[a].UserID, events[b].UserID) })

	users := make([]string, 0, min(len(missed), maxUsers))
	for len(missed) > 0 {
		users = users[:0]
		n := 0 // events of users
		for ; n < len(missed); n++ {
			id := events[missed[n]].UserID
			if last := len(users) - 1; last >= 0 && users[last] == id {
				continue
			}
			if len(users) == maxUsers {
				break
			}
			users = append(users, id)
		}
		found, err := k.get(ctx, project, users)
		if err != nil {
			return nil, fmt.Errorf("giving keys to users of project %d: %w", project, err)
		}
		u := 0
		for _, i := range missed[:n] {
			if events[i].UserID != users[u] {
				u++
			}
			keys[i] = found[u]
		}
		missed = missed[n:]
	}
	return keys, nil
}

// OfIDs returns the keys of users with these ids, which are sorted and distinct, in their
// order, as Of does.
func (k *Keys) OfIDs(ctx context.Context, project int64, ids []string) ([]uint32, error) {
	keys := make([]uint32, 0, len(ids))
	for some := range slices.Chunk(ids, maxUsers) {
		found, err := k.get(ctx, project, some)
		if err != nil {
			return nil, fmt.Errorf("giving keys to users of project %d: %w", project, err)
		}
		keys = append(keys, found...)
	}
	return keys, nil
}

// get returns the keys of users, which are sorted and distinct, from Postgres.
func (k *Keys) get(ctx context.Context, project int64, users []string) ([]uint32, error) {
	// Read before the keys: as long as it stays the same, none is added to them.
	next, err := counter(ctx, k.pool, nextSQL, project)
	if err != nil {
		return nil, err
	}
	keys, err := lookUp(ctx, k.pool, project, users)
	if err != nil {
		return nil, err
	}
	if slices.Contains(keys, none) {
		err := pgx.BeginFunc(ctx, k.pool, func(tx pgx.Tx) error {
			if keys, err = assign(ctx, tx, project, users, keys, next); err != nil {
				return err
			}
			return failpoint.Hit(failpoint.KeysBeforeCommit)
		})
		if err != nil {
			return nil, err
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for i, id := range users {
		k.cache.add(project, id, keys[i])
	}
	return keys, nil
}

const lookUpSQL = `
SELECT u.n, k.user_key
FROM unnest($2::text[]) WITH ORDINALITY AS u (user_id, n)
JOIN analytics.user_keys AS k ON k.project_id = $1 AND k.user_id = u.user_id`

// lookUp returns the keys that users have, and none for those without.
func lookUp(ctx context.Context, db outbox.Querier, project int64, users []string) ([]uint32, error) {
	keys := slices.Repeat([]uint32{none}, len(users))
	rows, err := db.Query(ctx, lookUpSQL, project, users)
	if err != nil {
		return nil, fmt.Errorf("looking up keys: %w", err)
	}
	var n int64
	var key uint32
	if _, err = pgx.ForEachRow(rows, []any{&n, &key}, func() error { keys[n-1] = key; return nil }); err != nil {
		return nil, fmt.Errorf("looking up keys: %w", err)
	}
	return keys, nil
}

const nextSQL = "SELECT coalesce((SELECT next_key FROM analytics.user_key_counters WHERE project_id = $1), 0)"

const countSQL = "INSERT INTO analytics.user_key_counters (project_id) VALUES ($1) ON CONFLICT DO NOTHING"

const lockSQL = "SELECT next_key FROM analytics.user_key_counters WHERE project_id = $1 FOR UPDATE"

var (
	keysTable   = pgx.Identifier{"analytics", "user_keys"}
	keysColumns = []string{"project_id", "user_id", "user_key"}
)

const advanceSQL = "UPDATE analytics.user_key_counters SET next_key = $2 WHERE project_id = $1"

// counter reads the key that the project's next new user gets.
func counter(ctx context.Context, db outbox.Querier, sql string, project int64) (next int64, err error) {
	if err := db.QueryRow(ctx, sql, project).Scan(&next); err != nil {
		return 0, fmt.Errorf("reading the project's counter: %w", err)
	}
	return next, nil
}

// assign returns keys with those that are none filled in. One transaction at a
// time assigns keys in a project; when the counter is no longer at next, another
// did since the keys were looked up, maybe to these users.
func assign(ctx context.Context, tx pgx.Tx, project int64, users []string, keys []uint32, next int64) ([]uint32, error) {
	if _, err := tx.Exec(ctx, countSQL, project); err != nil {
		return nil, fmt.Errorf("making the project's counter: %w", err)
	}
	first, err := counter(ctx, tx, lockSQL, project)
	if err != nil {
		return nil, err
	}
	if first != next {
		if keys, err = lookUp(ctx, tx, project, users); err != nil {
			return nil, err
		}
	}
	next = first
	var added []int // indexes in users
	for i, key := range keys {
		if key != none {
			continue
		}
		if next == maxKeys {
			return nil, ErrExhausted
		}
		keys[i] = uint32(next)
		added = append(added, i)
		next++
	}
	if len(added) == 0 {
		return keys, nil
	}
	_, err = tx.CopyFrom(ctx, keysTable, keysColumns, pgx.CopyFromSlice(len(added), func(n int) ([]any, error) {
		i := added[n]
		return []any{project, users[i], keys[i]}, nil
	}))
	if err != nil {
		return nil, fmt.Errorf("adding keys: %w", err)
	}
	if _, err := tx.Exec(ctx, advanceSQL, project, next); err != nil {
		return nil, fmt.Errorf("moving the project's counter: %w", err)
	}
	return keys, nil
}
