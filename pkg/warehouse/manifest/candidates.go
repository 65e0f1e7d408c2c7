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
	// maxMergeBytes bounds the Parquet that one merge reads: about ten times as
	// much passes through memory or its spill folder.
	maxMergeBytes = 256 << 20
	// maxMergeFiles bounds the files one merge holds open.
	maxMergeFiles = 256
	// earlyEvents is the maximum number of events of a segment of EarlyLane. While
	// there is a backlog loads have more; then they are merged with the rest.
	earlyEvents = 50_000
)

// Policy says when segments are merged.
type Policy struct {
	// Target is the maximum number of events of a merged segment.
	Target int64
	// Segments of one project and level are merged when so many have gathered.
	Segments int
}

// Segments of one project and level are merged when enough have gathered: each
// event is rewritten once for each level, and levels are as few as the logarithm
// of the events. Those of half the target and more are finished.
//
// A merge takes at most twice the target, so that it ends soon; four of the smaller
// ones always fit. This terminates: any two neighbouring segments that Cut produces
// exceed the target together, so there are three at most, of which two are small,
// and one of late events.
const candidatesSQL = `
WITH small AS (
    SELECT id, project_id, level, events, bytes
    FROM analytics.segments
    WHERE replaced_at IS NULL AND rollup_bytes IS NOT NULL AND events * 2 < $1::bigint AND id <> ALL ($5::bigint[])
      AND (level = 0 AND events <= $6) = $7
), fullest AS (
    SELECT project_id, level FROM small GROUP BY project_id, level HAVING count(*) >= $2
    ORDER BY count(*) DESC, project_id, level LIMIT 1
), taken AS (
    SELECT id, sum(events) OVER w AS total_events, sum(bytes) OVER w AS total_bytes, row_number() OVER w AS n
    FROM small JOIN fullest USING (project_id, level)
    WINDOW w AS (ORDER BY id)
)
SELECT ` + columns + `
FROM analytics.segments JOIN taken USING (id)
WHERE total_events <= 2 * $1::bigint AND (total_bytes <= $3 OR n <= 4) AND n <= $4
ORDER BY id`

// Candidates returns live segments of one project and level to merge next, other
// than those with the ids except; none when there are too few. Segments without a
// roll-up are never among them.
func Candidates(ctx context.Context, db outbox.Querier, lane Lane, p Policy, except []int64) ([]segment.Segment, error) {
	rows, err := db.Query(ctx, candidatesSQL, p.Target, p.Segments, maxMergeBytes, maxMergeFiles, list(except), earlyEvents, lane == EarlyLane)
	if err != nil {
		return nil, fmt.Errorf("looking for segments to merge: %w", err)
	}
	in, err := pgx.CollectRows(rows, scan)
	if err != nil {
		return nil, fmt.Errorf("looking for segments to merge: %w", err)
	}
	return in, nil
}
