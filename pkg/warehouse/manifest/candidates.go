package manifest

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/warehouse/segment"
)

// Lane is a part of the merges. Both lanes run at the same time and have no
// segment in common.
type Lane int

const (
	// MainLane has all merges that are not in EarlyLane.
	MainLane Lane = iota
	// EarlyLane has those of small loads. They take a fraction of a second, so that
	// a query never meets many such segments while merges that take seconds run.
	EarlyLane
)

const (
	// maxMergeFiles bounds the files one merge holds open.
	maxMergeFiles = 256
	// earlyEvents is the maximum number of events of a segment of EarlyLane. While
	// there is a backlog loads have more; then they are merged with the rest.
	earlyEvents = 50_000
	// earlyShare is the part of a merge's bounds that one of EarlyLane may have: it
	// runs beside one of MainLane and a load.
	earlyShare = 4
	// inputs is how many segments of any size that may be merged fit into a merge.
	inputs = 4
)

// Policy says when segments are merged.
type Policy struct {
	// Target is the maximum number of events of a merged segment.
	Target int64
	// Segments of one project and level are merged when so many have gathered.
	Segments int
	// RawBytes and RollUpBytes bound what one merge reads, and with it the memory it
	// takes: what the events take in memory, and the files of their roll-ups. A
	// segment with more than a quarter of either is left as it is.
	RawBytes, RollUpBytes int64
}

// Segments of one project and level are merged when enough have gathered: each
// event is rewritten once for each level, and levels are as few as the logarithm
// of the events. Those of half the target and more are finished, and those of a
// quarter of what a merge may hold in memory.
//
// A merge takes at most twice the target, so that it ends soon, and what the policy
// says in bytes; four of the smaller ones always fit. This terminates: any two neighbouring segments that Cut produces
// exceed the target together, so there are three at most, of which two are small,
// and one of late events.
const candidatesSQL = `
WITH changed AS MATERIALIZED (
    SELECT DISTINCT project_id FROM analytics.segments WHERE changed_xid >= $11::text::xid8 AND replaced_at IS NULL
), small AS (
    SELECT id, project_id, level, events, raw_bytes, rollup_bytes
    FROM analytics.segments %s
    WHERE replaced_at IS NULL AND events < ($1::bigint + 1) / 2 AND id <> ALL ($5::bigint[])
      AND raw_bytes <= $3::bigint / $9::integer AND rollup_bytes <= $8::bigint / $9
      AND (level = 0 AND events <= $6 AND raw_bytes <= $3 / ($9 * $10::integer) AND rollup_bytes <= $8 / ($9 * $10)) = $7
), fullest AS (
    SELECT project_id, level FROM small GROUP BY project_id, level HAVING count(*) >= $2
    ORDER BY count(*) DESC, project_id, level LIMIT 1
), taken AS (
    SELECT id, sum(events) OVER w AS total_events, sum(raw_bytes) OVER w AS total_raw,
           sum(rollup_bytes) OVER w AS total_rollup, row_number() OVER w AS n
    FROM small JOIN fullest USING (project_id, level)
    WINDOW w AS (ORDER BY id)
)
SELECT ` + columns + `
FROM analytics.segments JOIN taken USING (id)
WHERE total_events <= 2 * $1::bigint AND n <= $4
  AND total_raw <= $3 / CASE WHEN $7 THEN $10 ELSE 1 END AND total_rollup <= $8 / CASE WHEN $7 THEN $10 ELSE 1 END
ORDER BY id`

var (
	allCandidatesSQL     = fmt.Sprintf(candidatesSQL, "")
	changedCandidatesSQL = fmt.Sprintf(candidatesSQL, "JOIN changed USING (project_id)")
)

// Candidates returns live segments of one project and level to merge next, other
// than those with the ids except; none when there are too few. Segments without a
// roll-up, and those whose RawBytes are not known, are never among them. It looks at
// projects whose segments changed since a mark, at all of them if that is zero.
func Candidates(ctx context.Context, db outbox.Querier, lane Lane, p Policy, except []int64, since Mark) ([]segment.Segment, error) {
	sql := allCandidatesSQL
	if since.xmin > 0 {
		sql = changedCandidatesSQL
	}
	rows, err := db.Query(ctx, sql, p.Target, p.Segments, p.RawBytes, maxMergeFiles, notNull(except), earlyEvents, lane == EarlyLane,
		p.RollUpBytes, inputs, earlyShare, xid8(since.xmin))
	if err != nil {
		return nil, fmt.Errorf("looking for segments to merge: %w", err)
	}
	in, err := pgx.CollectRows(rows, scan)
	if err != nil {
		return nil, fmt.Errorf("looking for segments to merge: %w", err)
	}
	return in, nil
}

const markSQL = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint, pg_postmaster_start_time()"

// ReadMark returns the mark of now: whatever is not visible yet is written since.
func ReadMark(ctx context.Context, db outbox.Querier) (m Mark, err error) {
	var xmin int64
	if err := db.QueryRow(ctx, markSQL).Scan(&xmin, &m.started); err != nil {
		return Mark{}, fmt.Errorf("reading the transactions of now: %w", err)
	}
	m.xmin = uint64(xmin)
	return m, nil
}

const unmeasuredSQL = "SELECT " + columns + ` FROM analytics.segments
WHERE replaced_at IS NULL AND rollup_bytes IS NOT NULL AND raw_bytes IS NULL AND events < ($1::bigint + 1) / 2 AND id <> ALL ($2::bigint[])
ORDER BY id LIMIT 1`

// Unmeasured returns a segment that could be merged if its RawBytes were known, other
// than those with the ids except; ok is false when there is none.
func Unmeasured(ctx context.Context, db outbox.Querier, p Policy, except []int64) (s segment.Segment, ok bool, err error) {
	return first(ctx, db, unmeasuredSQL, p.Target, notNull(except))
}

const measuredSQL = "UPDATE analytics.segments SET raw_bytes = $2 WHERE id = $1"

// Measured notes the RawBytes of a segment. They are no part of any answer: the
// version stays.
func Measured(ctx context.Context, db outbox.Querier, s segment.Segment, rawBytes int64) error {
	if _, err := db.Exec(ctx, measuredSQL, s.ID, rawBytes); err != nil {
		return fmt.Errorf("noting the size of a segment: %w", err)
	}
	return nil
}
