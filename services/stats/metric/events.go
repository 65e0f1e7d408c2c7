package metric

import (
	"context"
	"database/sql"
	_ "embed"
	"maps"
	"slices"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/warehouse/rollup"
)

//go:embed events.sql
var eventsSQL string

// bucketSQL is the bucket of an event: for hours the instant it begins with, in
// microseconds, otherwise its first date, in days since 1970.
var bucketSQL = map[calendar.Unit]string{
	calendar.Hour:  "epoch_us(date_trunc('hour', clock)) - offset_us",
	calendar.Day:   "day - DATE '1970-01-01'",
	calendar.Week:  "date_trunc('week', day)::DATE - DATE '1970-01-01'",
	calendar.Month: "date_trunc('month', day)::DATE - DATE '1970-01-01'",
}

// Events asks how many events there were in each bucket of a range. Weeks and
// months that stick out of the range count only what lies in it.
type Events struct {
	Scope
	Range
	Interval calendar.Unit
	ByType   bool // a row for each event type
	Fill     bool // with rows for empty buckets, for each type there is in the range
}

// EventsRow is a row of Events.
type EventsRow struct {
	Bucket string `json:"bucket" doc:"First day of the bucket, or its hour as RFC 3339"`
	Events int64  `json:"events" doc:"Events in the bucket"`
	Users  int64  `json:"users" doc:"Distinct users with an event in the bucket"`
}

// EventsTypeRow is a row of Events by event type.
type EventsTypeRow struct {
	Bucket    string `json:"bucket" doc:"First day of the bucket, or its hour as RFC 3339"`
	EventType string `json:"event_type" doc:"Type of the events"`
	Events    int64  `json:"events" doc:"Events of the type in the bucket"`
	Users     int64  `json:"users" doc:"Distinct users with such an event in the bucket"`
}

// Name returns "events".
func (Events) Name() string { return "events" }

type eventCount struct {
	bucket        int64
	eventType     string
	events, users int64
}

// Rows returns []EventsRow or []EventsTypeRow, by bucket, then by type.
func (q Events) Rows(ctx context.Context, src Source) (any, error) {
	counts, err := q.counts(ctx, src)
	if err != nil {
		return nil, err
	}
	return q.rows(counts)
}

// rows makes the rows of the buckets with events.
func (q Events) rows(counts []eventCount) (any, error) {
	if q.Fill {
		full, err := q.fill(counts)
		if err != nil {
			return nil, err
		}
		counts = full
	}
	labels := map[int64]string{}
	label := func(bucket int64) string {
		if _, ok := labels[bucket]; !ok {
			labels[bucket] = q.label(bucket)
		}
		return labels[bucket]
	}
	if q.ByType {
		rows := make([]EventsTypeRow, 0, len(counts))
		for _, c := range counts {
			rows = append(rows, EventsTypeRow{label(c.bucket), c.eventType, c.events, c.users})
		}
		return rows, nil
	}
	rows := make([]EventsRow, 0, len(counts))
	for _, c := range counts {
		rows = append(rows, EventsRow{label(c.bucket), c.events, c.users})
	}
	return rows, nil
}

func (q Events) counts(ctx context.Context, src Source) ([]eventCount, error) {
	p, ok := q.days(q.From, q.To)
	if !ok {
		return nil, nil
	}
	eventType := "''"
	if q.ByType {
		eventType = "event_type"
	}
	st := q.statement(eventsSQL, p, "{{bucket}}", bucketSQL[q.Interval], "{{event_type}}", eventType)
	return collect(ctx, src, st, func(r *sql.Rows) (c eventCount, err error) {
		err = r.Scan(&c.bucket, &c.eventType, &c.events, &c.users)
		return c, err
	})
}

func (q Events) sums(ctx context.Context, view *rollup.View, _ Source) (any, bool, error) {
	question, slots, ok := q.ask(view, q.Range, q.Interval)
	if !ok {
		return nil, false, nil
	}
	counts, err := q.sumBuckets(ctx, question, byBucket(slots))
	if err != nil {
		return nil, true, err
	}
	rows, err := q.rows(counts)
	return rows, true, err
}

func (q Events) sumBuckets(ctx context.Context, all *rollup.Question, buckets []bucketPeriods) ([]eventCount, error) {
	counts := []eventCount{}
	questions := map[string]*rollup.Question{"": all} // by type
	for _, b := range buckets {
		totals, err := all.Totals(ctx, b.periods...)
		if err != nil {
			return nil, err
		}
		if !q.ByType && len(totals) > 0 {
			var sum rollup.Total
			for _, total := range totals {
				sum.Events += total.Events
			}
			totals = map[string]rollup.Total{"": sum}
		}
		for _, name := range slices.Sorted(maps.Keys(totals)) {
			if questions[name] == nil {
				questions[name] = all.Of(name)
			}
			users, err := questions[name].CountUsers(ctx, b.periods...)
			if err != nil {
				return nil, err
			}
			if len(counts) == MaxRows {
				return nil, ErrTooManyRows
			}
			counts = append(counts, eventCount{b.bucket, name, int64(totals[name].Events), int64(users)})
		}
	}
	return counts, nil
}

// fill adds what is missing of every bucket and every type.
func (q Events) fill(counts []eventCount) ([]eventCount, error) {
	types := []string{""}
	if q.ByType {
		types = nil
		for _, c := range counts {
			types = append(types, c.eventType)
		}
		slices.Sort(types)
		types = slices.Compact(types)
	}
	buckets := q.buckets()
	if len(buckets)*len(types) > MaxRows {
		return nil, ErrTooManyRows
	}
	full := make([]eventCount, 0, len(buckets)*len(types))
	for _, b := range buckets {
		for _, t := range types {
			c := eventCount{bucket: b, eventType: t}
			if len(counts) > 0 && counts[0].bucket == b && counts[0].eventType == t {
				c, counts = counts[0], counts[1:]
			}
			full = append(full, c)
		}
	}
	return full, nil
}

func (q Events) buckets() []int64 {
	if q.Interval == calendar.Hour {
		return q.Zone.Hours(q.From, q.To)
	}
	var days []int64
	for _, d := range q.Zone.Dates(q.Interval, q.From, q.To) {
		days = append(days, int64(d))
	}
	return days
}

func (q Events) label(bucket int64) string {
	if q.Interval == calendar.Hour {
		return q.Zone.FormatHour(bucket)
	}
	return calendar.Date(bucket).String()
}
