package scale

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/segment"
)

// eventsOfLoad is how many events a planned load has.
const eventsOfLoad = 3000

// planned is what became of loads of one project.
type planned struct {
	loads, written int   // segments that loads wrote, and merges
	events, moved  int64 // that loads wrote, and merges
	small          int   // segments at the end that are not finished
}

// plan loads and merges as the worker does, a load at a time, without files.
func plan(ctx context.Context, pool *pgxpool.Pool, loads int) (p planned, err error) {
	if _, err := pool.Exec(ctx, emptySQL); err != nil {
		return p, err
	}
	for n := range loads {
		s := made(1, n*20/loads, eventsOfLoad)
		if err := manifest.Insert(ctx, pool, []segment.Segment{s}); err != nil {
			return p, err
		}
		p.loads, p.events = p.loads+1, p.events+s.Events
		for _, lane := range []manifest.Lane{manifest.EarlyLane, manifest.MainLane} {
			if err := p.merge(ctx, pool, lane); err != nil {
				return p, err
			}
		}
	}
	all, err := manifest.Live(ctx, pool)
	if err != nil {
		return p, err
	}
	for _, s := range all {
		if !segment.Finished(s.Events, policy.Target) {
			p.small++
		}
	}
	if n := segment.EventsOf(all); n != p.events {
		return p, fmt.Errorf("%d events of %d are left", n, p.events)
	}
	return p, nil
}

// merge merges while there is something to merge.
func (p *planned) merge(ctx context.Context, pool *pgxpool.Pool, lane manifest.Lane) error {
	for {
		in, err := manifest.Candidates(ctx, pool, lane, policy, nil, manifest.Mark{})
		if err != nil || len(in) < 2 {
			return err
		}
		byDay := map[time.Time]int64{}
		var first, last time.Time
		var ids []int64
		for _, s := range in {
			byDay[s.MinAt] += s.Events
			if first.IsZero() || s.MinAt.Before(first) {
				first = s.MinAt
			}
			if s.MinAt.After(last) {
				last = s.MinAt
			}
			ids = append(ids, s.ID)
		}
		var days []segment.Span
		for at := first; !at.After(last); at = at.AddDate(0, 0, 1) {
			if n := byDay[at]; n > 0 {
				days = append(days, segment.Span{First: at, Last: at, Events: n, RawBytes: 200 * n})
			}
		}
		if _, err := pool.Exec(ctx, "DELETE FROM analytics.segments WHERE id = ANY ($1)", ids); err != nil {
			return err
		}
		var out []segment.Segment
		for _, span := range segment.Cut(days, policy.Target) {
			s := made(1, 0, span.Events)
			s.MinAt, s.MaxAt, s.Level = span.First, span.Last, in[0].Level+1
			out = append(out, s)
			p.moved += span.Events
		}
		p.written += len(out)
		if err := manifest.Insert(ctx, pool, out); err != nil {
			return err
		}
	}
}

// intervals of loads, as WORKER_LOAD_INTERVAL sets them.
var intervals = []time.Duration{250 * time.Millisecond, 10 * time.Second, time.Minute}

// rows says what loads and merges ask of an object store. They do not depend on how much
// there is, but on how many projects get events.
func (p planned) rows(sizes []Size) []Row {
	same := func(text string) []string { return each(sizes, func(Size) string { return text }) }
	perLoad := 1 + float64(p.written)/float64(p.loads)
	rows := []Row{
		{"An event is written again by merges", same(fmt.Sprintf("%.2f times", float64(p.moved)/float64(p.events))), fmt.Sprintf("run: %d loads of %d events of one project with `manifest.Candidates` and `segment.Cut`", p.loads, eventsOfLoad)},
		{"Small segments of a project", same(fmt.Sprint(p.small)), "run: the same, at the end"},
		{"Segments written for a load, merges included", same(fmt.Sprintf("%.2f", perLoad)), "run: the same"},
	}
	for _, interval := range intervals {
		loads := float64(24*time.Hour) / float64(interval)
		requests := func(s Size) int64 { return int64(loads * perLoad * filesOfSegment * float64(s.Projects)) }
		rows = append(rows, Row{
			fmt.Sprintf("Object store: PUTs a day, a load each %s", interval), each(sizes, func(s Size) string { return count(requests(s)) }),
			fmt.Sprintf("computed: loads × %.2f segments × %d files × projects, all of which get events all the time", perLoad, filesOfSegment),
		}, Row{
			fmt.Sprintf("Object store: GETs a day of %d replicas, a load each %s", replicas, interval),
			each(sizes, func(s Size) string { return count(replicas * requests(s)) }), "computed: each replica fetches each file once",
		})
	}
	return rows
}
