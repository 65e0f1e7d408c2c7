package syncworker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"

	"eventanalytics/pkg/clock"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/failpoint"
	"eventanalytics/pkg/platform/logging"
	"eventanalytics/pkg/warehouse"
)

// errFenced is returned when another worker took the lease over: nothing of
// this term can be committed any more.
var errFenced = errors.New("another worker leads")

// term is one time of leading. Its epoch is higher than that of all before, and
// every transaction checks it.
type term struct {
	*Service
	epoch    int64
	builder  *warehouse.Builder
	position outbox.Position // where the load loop stands
	complete completeness

	// writing and merging are held from the first file of a load and of an early
	// merge to the end of its transaction: garbage collection must not take those
	// files for orphans. Who wants both takes merging first: loads do not wait for a
	// merge then.
	writing sync.RWMutex
	merging sync.Mutex
	// loaded and compactable have a token when there may be work for the early and
	// the main lane of compaction.
	loaded, compactable chan struct{}
	damaged             idSet // of segments that compaction leaves alone
}

// idSet may be used by several goroutines.
type idSet struct {
	mu  sync.Mutex
	ids []int64
}

func (s *idSet) add(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ids = append(s.ids, id)
}

func (s *idSet) list() []int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]int64{}, s.ids...)
}

const leaseFreeSQL = `
SELECT lease_until < clock_timestamp(), system_identifier = (pg_control_system()).system_identifier
FROM analytics.sync_state`

// All time in the lease is the database's.
const acquireSQL = `
UPDATE analytics.sync_state
SET epoch = epoch + 1, leader = $1, lease_until = clock_timestamp() + $2
WHERE lease_until < clock_timestamp()
RETURNING epoch, incarnation, xid::text::bigint, seq`

// acquire stands by until the lease is free and takes it. It returns nil when
// ctx ended, or outbox.ErrRestored.
func (s *Service) acquire(ctx context.Context) (*term, error) {
	for {
		t, err := s.tryAcquire(ctx)
		if t != nil || errors.Is(err, outbox.ErrRestored) {
			return t, err
		}
		if err != nil && ctx.Err() == nil {
			s.log.Warn("asking for the lease; trying again", zap.Error(err))
		}
		if !clock.Pause(ctx, s.cfg.Lease/5) {
			return nil, nil
		}
	}
}

func (s *Service) tryAcquire(ctx context.Context) (*term, error) {
	var free, same bool
	if err := s.pool.QueryRow(ctx, leaseFreeSQL).Scan(&free, &same); err != nil {
		return nil, fmt.Errorf("reading the lease: %w", err)
	}
	if !same {
		return nil, outbox.ErrRestored
	}
	if !free {
		return nil, nil
	}
	t := &term{Service: s, loaded: make(chan struct{}, 1), compactable: make(chan struct{}, 1)}
	var xid int64
	err := s.pool.QueryRow(ctx, acquireSQL, s.name, s.cfg.Lease).Scan(&t.epoch, &t.position.Incarnation, &xid, &t.position.Seq)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil // another was faster
	}
	if err != nil {
		return nil, fmt.Errorf("taking the lease: %w", err)
	}
	t.position.XID = uint64(xid)
	if err := failpoint.Hit(failpoint.WorkerAfterClaim); err != nil {
		return nil, err
	}
	return t, nil
}

// A database restored from a dump may have the same epoch.
const originalSQL = " AND system_identifier = (pg_control_system()).system_identifier"

const renewSQL = "UPDATE analytics.sync_state SET lease_until = clock_timestamp() + $2 WHERE epoch = $1" + originalSQL

// renew keeps the lease until ctx ends or another worker has it. While Postgres
// is away nobody can take it, so failures are only logged.
func (t *term) renew(ctx context.Context) error {
	for clock.Pause(ctx, t.cfg.Lease/3) {
		tag, err := t.pool.Exec(ctx, renewSQL, t.epoch, t.cfg.Lease)
		if err == nil && tag.RowsAffected() == 0 {
			return errFenced
		}
		if err != nil && ctx.Err() == nil {
			t.log.Warn("renewing the lease; trying again", zap.Error(err))
		}
	}
	return nil
}

const releaseSQL = "UPDATE analytics.sync_state SET lease_until = 'epoch' WHERE epoch = $1"

// release lets a standby take over at once.
func (s *Service) release(ctx context.Context, t *term) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if _, err := s.pool.Exec(ctx, releaseSQL, t.epoch); err != nil {
		s.log.Warn("giving the lease back; it will run out", zap.Int64(logging.Epoch, t.epoch), zap.Error(err))
	}
}

const lockSQL = `
SELECT incarnation, xid::text::bigint, seq FROM analytics.sync_state WHERE epoch = $1` + originalSQL + ` FOR UPDATE`

// commit runs f in a transaction that only the leader can commit, and only in the
// database that it leads in: it holds the row of the sync state, so that an epoch
// cannot end before it does. f learns the position that is stored.
func (t *term) commit(ctx context.Context, f func(tx pgx.Tx, stored outbox.Position) error) error {
	return pgx.BeginFunc(ctx, t.pool, func(tx pgx.Tx) error {
		var stored outbox.Position
		var xid int64
		err := tx.QueryRow(ctx, lockSQL, t.epoch).Scan(&stored.Incarnation, &xid, &stored.Seq)
		if errors.Is(err, pgx.ErrNoRows) {
			return errFenced
		}
		if err != nil {
			return fmt.Errorf("checking the epoch: %w", err)
		}
		stored.XID = uint64(xid)
		return f(tx, stored)
	})
}

// xid8 writes a transaction id as Postgres reads it.
func xid8(xid uint64) string { return strconv.FormatUint(xid, 10) }
