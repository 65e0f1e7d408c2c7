package outbox

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// Row is one batch of one project.
type Row struct {
	Position
	ProjectID int64
	Events    int
	CreatedAt time.Time
	Payload   string
}

// Batch is what Tail found after a position.
type Batch struct {
	// Rows in the order of their positions. All are settled: no row before the
	// last of them can still appear.
	Rows []Row
	// Drained is set if there were no further settled rows.
	Drained bool
	// At is the database's time just before the query's snapshot. Every transaction
	// acknowledged before At has an id below XMax.
	At time.Time
	// XMin is the lowest transaction id still running; all rows below it are
	// settled. XMax is the first id not yet assigned.
	XMin, XMax uint64
}

// Rows of a running transaction may still appear with an id below others that
// are committed, so only rows below the snapshot's xmin are read: a plain cursor
// over seq lost 12,404 of 19,772 rows in a trial with 8 writers. The sums bound a
// batch's memory; the first row is always read. now() is the transaction's start
// and therefore before the snapshot; statement_timestamp() may be after it.
const tailSQL = `
WITH snapshot AS MATERIALIZED (
    SELECT pg_snapshot_xmin(s) AS xmin, pg_snapshot_xmax(s) AS xmax FROM pg_current_snapshot() AS s
), settled AS (
    SELECT o.xid, o.seq, o.day, o.project_id, o.events, o.created_at, octet_length(o.payload) AS bytes
    FROM analytics.outbox AS o
    WHERE (o.xid, o.seq) > ($1::text::xid8, $2::bigint) AND o.xid < (SELECT xmin FROM snapshot)
    ORDER BY o.xid, o.seq
    LIMIT $3::integer + 1
), sized AS (
    SELECT *, sum(events) OVER (ORDER BY xid, seq) AS total, sum(bytes) OVER (ORDER BY xid, seq) AS total_bytes,
           row_number() OVER (ORDER BY xid, seq) AS n
    FROM settled
)
SELECT now(), snapshot.xmin::text::bigint, snapshot.xmax::text::bigint,
       (SELECT count(*) FROM settled),
       r.xid::text::bigint, r.seq, r.project_id, r.events, r.created_at,
       (SELECT o.payload FROM analytics.outbox AS o WHERE o.day = r.day AND o.seq = r.seq)
FROM snapshot
LEFT JOIN (SELECT * FROM sized WHERE n <= $3 AND (n = 1 OR total <= $4 AND total_bytes <= $5)) AS r ON true
ORDER BY r.xid, r.seq`

// Bounds of what one Tail reads.
type Bounds struct {
	Rows, Events int
	// Bytes of payload: events may have 32 KiB each, so a bound on their number alone
	// would admit gigabytes. (octet_length reads the length without decompressing.)
	Bytes int64
}

// Tail reads settled rows after a position, within bounds unless the first row alone
// has more events or bytes.
func Tail(ctx context.Context, db Querier, after Position, most Bounds) (Batch, error) {
	rows, err := db.Query(ctx, tailSQL, strconv.FormatUint(after.XID, 10), after.Seq, most.Rows, most.Events, most.Bytes)
	if err != nil {
		return Batch{}, fmt.Errorf("tailing the outbox: %w", err)
	}
	var b Batch
	var found int
	var xmin, xmax int64
	var xid, seq, project, events *int64
	var created *time.Time
	var payload *string
	_, err = pgx.ForEachRow(rows, []any{&b.At, &xmin, &xmax, &found, &xid, &seq, &project, &events, &created, &payload}, func() error {
		if xid == nil { // nothing settled: one row with only the snapshot
			return nil
		}
		b.Rows = append(b.Rows, Row{
			Position:  Position{Incarnation: after.Incarnation, XID: uint64(*xid), Seq: *seq},
			ProjectID: *project, Events: int(*events), CreatedAt: *created, Payload: *payload,
		})
		return nil
	})
	if err != nil {
		return Batch{}, fmt.Errorf("tailing the outbox: %w", err)
	}
	b.XMin, b.XMax = uint64(xmin), uint64(xmax)
	b.Drained = found == len(b.Rows)
	return b, nil
}

const lagSQL = `
SELECT count(*) FROM (
    SELECT 1 FROM analytics.outbox WHERE (xid, seq) > ($1::text::xid8, $2::bigint) LIMIT $3
) AS rows`

// Lag counts the rows after a position, up to limit.
func Lag(ctx context.Context, db Querier, after Position, limit int) (int, error) {
	var n int
	err := db.QueryRow(ctx, lagSQL, strconv.FormatUint(after.XID, 10), after.Seq, limit).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("counting outbox rows: %w", err)
	}
	return n, nil
}
