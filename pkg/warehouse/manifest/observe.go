package manifest

import (
	"context"
	"fmt"

	"eventanalytics/pkg/outbox"
)

// Observation is what an operator watches of the manifest.
type Observation struct {
	Position outbox.Position
	// Incomplete is how many seconds ago the instant was before which every
	// acknowledged event is in the segments.
	Incomplete float64
	Segments   int64 // live ones
	// Unmerged are the live segments of level 0 of the project with the most.
	Unmerged float64
	// Unfinished are the rewrites of live segments that were cut short.
	Unfinished int64
	// Held is how many seconds garbage collection is still held; 0 when it is not.
	Held float64
}

const observeSQL = `
SELECT s.incarnation, s.xid::text::bigint, s.seq,
       extract(epoch FROM clock_timestamp() - s.complete_until)::float8,
       (SELECT count(*) FROM analytics.segments WHERE replaced_at IS NULL),
       (SELECT count(*) FROM analytics.rewrites AS r WHERE r.epoch < s.epoch AND EXISTS (
            SELECT FROM analytics.segments AS x WHERE x.id = ANY (r.segments) AND x.replaced_at IS NULL)),
       greatest(extract(epoch FROM s.hold_until - clock_timestamp()), 0)::float8,
       coalesce((SELECT max(n) FROM (SELECT count(*) AS n FROM analytics.segments
                 WHERE replaced_at IS NULL AND level = 0 GROUP BY project_id) AS unmerged), 0)::float8
FROM analytics.sync_state AS s`

// Observe measures the manifest, by the database's clock.
func Observe(ctx context.Context, db outbox.Querier) (Observation, error) {
	var o Observation
	var xid int64
	err := db.QueryRow(ctx, observeSQL).Scan(&o.Position.Incarnation, &xid, &o.Position.Seq, &o.Incomplete, &o.Segments, &o.Unfinished, &o.Held, &o.Unmerged)
	if err != nil {
		return o, fmt.Errorf("reading the sync state: %w", err)
	}
	o.Position.XID = uint64(xid)
	return o, nil
}
