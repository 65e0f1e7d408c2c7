package outbox

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"eventanalytics/pkg/event"
)

// A row has at most MaxEvents events and takes no more once its payload reaches
// maxPayload bytes. Together they bound the memory that ingest and the worker
// need to write or read a row.
const (
	MaxEvents  = 20_000
	maxPayload = 4 << 20
)

// ChannelAppended is notified after rows are committed.
const ChannelAppended = "analytics_outbox"

// Querier is a connection, a pool or a transaction.
type Querier interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// NewRow is a row to be appended: encoded events of one project.
type NewRow struct {
	Project int64
	Events  int
	Payload string
}

const appendSQL = `
INSERT INTO analytics.outbox (project_id, events, payload)
SELECT * FROM unnest($1::bigint[], $2::integer[], $3::text[])
RETURNING project_id, xid::text::bigint, seq,
    (SELECT incarnation FROM analytics.sync_state WHERE system_identifier = (pg_control_system()).system_identifier)`

// Append writes the events of one project and returns the position of the last
// row. They take effect when tx commits. events must not be empty. It returns
// ErrRestored as AppendRows does.
func Append(ctx context.Context, tx pgx.Tx, project int64, events []event.Event) (Position, error) {
	if len(events) == 0 {
		return Position{}, errors.New("appending no events to the outbox")
	}
	all := func(yield func(*event.Event) bool) {
		for i := range events {
			if !yield(&events[i]) {
				return
			}
		}
	}
	last, err := AppendRows(ctx, tx, slices.Collect(Rows(project, all)))
	return last[project], err
}

// AppendRows writes rows and returns the position of each project's last one.
// They take effect when tx commits. They are sent in one message, so many small
// rows are cheap; large ones are better written a few at a time.
//
// It returns ErrRestored for a restored database: a service that is running when
// its database is replaced by one would get ids below the stored position, and
// its rows would count as loaded.
func AppendRows(ctx context.Context, tx pgx.Tx, rows []NewRow) (map[int64]Position, error) {
	projects, counts, payloads := make([]int64, len(rows)), make([]int, len(rows)), make([]string, len(rows))
	for i, r := range rows {
		projects[i], counts[i], payloads[i] = r.Project, r.Events, r.Payload
	}
	answer, err := tx.Query(ctx, appendSQL, projects, counts, payloads)
	if err != nil {
		return nil, fmt.Errorf("appending to the outbox: %w", err)
	}
	last := make(map[int64]Position, 1)
	var p Position
	var project, xid int64
	var incarnation *int32
	if _, err = pgx.ForEachRow(answer, []any{&project, &xid, &p.Seq, &incarnation}, func() error {
		if incarnation == nil {
			return ErrRestored
		}
		p.Incarnation, p.XID = *incarnation, uint64(xid)
		if p.Compare(last[project]) > 0 {
			last[project] = p
		}
		return nil
	}); err != nil {
		return nil, fmt.Errorf("appending to the outbox: %w", err)
	}
	return last, nil
}

const lastSQL = `
SELECT s.incarnation,
       greatest(s.xid, o.xid)::text::bigint,
       CASE WHEN o.xid >= s.xid THEN o.seq ELSE s.seq END
FROM analytics.sync_state AS s
LEFT JOIN LATERAL (SELECT xid, seq FROM analytics.outbox ORDER BY xid DESC, seq DESC LIMIT 1) AS o ON true`

// Last returns the position of the highest committed row, or the worker's
// position if that is past all remaining rows. Everything now in the ledger is at
// or before it.
func Last(ctx context.Context, db Querier) (Position, error) {
	var p Position
	var xid int64
	if err := db.QueryRow(ctx, lastSQL).Scan(&p.Incarnation, &xid, &p.Seq); err != nil {
		return Position{}, fmt.Errorf("reading the end of the outbox: %w", err)
	}
	p.XID = uint64(xid)
	return p, nil
}

const ownSQL = `
SELECT incarnation, pg_current_xact_id()::text::bigint FROM analytics.sync_state
WHERE system_identifier = (pg_control_system()).system_identifier`

// Own returns the position before the rows of a transaction, whether it appends any or
// not. It returns ErrRestored as AppendRows does.
func Own(ctx context.Context, tx pgx.Tx) (p Position, err error) {
	var xid int64
	err = tx.QueryRow(ctx, ownSQL).Scan(&p.Incarnation, &xid)
	if errors.Is(err, pgx.ErrNoRows) {
		return p, ErrRestored
	}
	if err != nil {
		return p, fmt.Errorf("reading the position of a transaction: %w", err)
	}
	p.XID = uint64(xid)
	return p, nil
}

// Notify wakes the worker. Call it after the commit, not inside the transaction:
// NOTIFY takes a lock at commit that makes all committers in the database queue
// behind each other's fsync.
func Notify(ctx context.Context, db Querier) error {
	if _, err := db.Exec(ctx, "SELECT pg_notify($1, '')", ChannelAppended); err != nil {
		return fmt.Errorf("waking the sync worker: %w", err)
	}
	return nil
}

// PartitionsAhead is how many days of partitions are created in advance, so that
// a dead worker or a quiet month never stops ingest at midnight.
const PartitionsAhead = 30

// CreatePartitions creates the daily partitions up to PartitionsAhead days from
// now (UTC, the database's clock). Any number of processes may call it.
func CreatePartitions(ctx context.Context, db Querier) error {
	if _, err := db.Exec(ctx, "SELECT analytics.create_outbox_partitions($1)", PartitionsAhead); err != nil {
		return fmt.Errorf("creating outbox partitions: %w", err)
	}
	return nil
}
