package question

import (
	"context"
	"slices"
	"time"

	"eventanalytics/pkg/calendar"
	"eventanalytics/services/stats/engine"
)

var events = define[EventsParams, Events](Info{
	Name: "events", Path: "/api/stats/events", Summary: "Events and users over time",
	Description: "Weeks and months that extend beyond the range count only events inside it, and are incomplete.",
	Shorten:     "to", ShortenBy: "ask for a shorter range, a longer interval or, with segment, fewer event types",
	Rows: []Row{
		{"EventsRow", Events{}.Columns()},
		{"EventsTypeRow", Events{By: "event_type"}.Columns()},
	},
})

// EventsParams are the parameters of events.
type EventsParams struct {
	DayParams
	Interval string `query:"interval" json:"interval,omitempty" default:"day" enum:"hour,day,week,month" doc:"Length of the buckets; weeks begin on Monday"`
	By       string `query:"by" json:"by,omitempty" enum:"event_type" doc:"event_type: a row for each type in each bucket"`
	FilterParams
}

// Question resolves the parameters.
func (p *EventsParams) Question(now time.Time) (Question, error) {
	days, scope, err := parseRange(&p.DayParams, &p.FilterParams, now)
	return Events{days, calendar.Unit(p.Interval), p.By, scope}, err
}

// Events asks how many events there were in each bucket of a range.
type Events struct {
	Days
	Interval calendar.Unit `json:"interval"`
	By       string        `json:"by,omitempty"` // event_type: a row for each type in each bucket
	Scope
}

// Columns returns those of a row for each bucket, or for each type in it.
func (q Events) Columns() []Column {
	bucket := Column{Name: "bucket", Doc: "First day of the bucket, or its hour as RFC 3339"}
	if q.By == "" {
		return []Column{
			bucket,
			{Name: "events", Kind: Integer, Doc: "Events in the bucket"},
			{Name: "users", Kind: Integer, Doc: "Distinct users with an event in the bucket"},
			incomplete,
		}
	}
	return []Column{
		bucket,
		{Name: "event_type", Doc: "Type of the events"},
		{Name: "events", Kind: Integer, Doc: "Events of the type in the bucket"},
		{Name: "users", Kind: Integer, Doc: "Distinct users with such an event in the bucket"},
		incomplete,
	}
}

// ClockKey names the bucket that is incomplete.
func (q Events) ClockKey(now, completeUntil time.Time) string {
	return clockKey(q.Days, q.Scope, q.Interval, now, completeUntil)
}

// Answer returns the rows by bucket, then by type.
func (q Events) Answer(ctx context.Context, src *engine.Source) (*Table, error) {
	counts, err := src.Counts(ctx, engine.Counts{
		Scope: q.events(), Range: q.dates(), Unit: q.Interval, Group: engine.Field(q.By), Users: true,
	})
	if err != nil {
		return nil, err
	}
	buckets := bucketsOf(q.Days, q.Scope, q.Interval, src)
	if q.Fill != "" {
		return q.fill(ctx, counts, buckets)
	}
	rows := NewTable(ctx, q.Columns(), len(counts))
	var label bucketLabel
	for i, c := range counts {
		if i == 0 || c.Bucket != counts[i-1].Bucket {
			label = q.label(c.Bucket, buckets)
		}
		if err := q.add(rows, label, c); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// bucketLabel is what the rows of a bucket say of it.
type bucketLabel struct {
	text       string
	incomplete bool
}

func (Events) label(bucket int64, all buckets) bucketLabel {
	return bucketLabel{all.label(bucket), all.incomplete(bucket)}
}

func (q Events) add(rows *Table, label bucketLabel, c engine.Count) error {
	if q.By == "" {
		return rows.Add(TextOf(label.text), IntegerOf(c.Events), IntegerOf(c.Users), BoolOf(label.incomplete))
	}
	return rows.Add(TextOf(label.text), TextOf(c.Group), IntegerOf(c.Events), IntegerOf(c.Users), BoolOf(label.incomplete))
}

// fill makes a row for every bucket, and in it for every type that the range has.
func (q Events) fill(ctx context.Context, counts []engine.Count, all buckets) (*Table, error) {
	groups := []string{""}
	if q.By != "" {
		groups = nil
		for _, c := range counts {
			groups = append(groups, c.Group)
		}
		slices.Sort(groups)
		groups = slices.Compact(groups)
	}
	buckets := list(q.Timezone, q.Interval, q.Days)
	if len(buckets)*len(groups) > engine.MaxRows {
		return nil, engine.ErrTooManyRows
	}
	rows := NewTable(ctx, q.Columns(), len(buckets)*len(groups))
	for _, bucket := range buckets {
		label := q.label(bucket, all)
		for _, group := range groups {
			c := engine.Count{Bucket: bucket, Group: group}
			if len(counts) > 0 && counts[0].Bucket == bucket && counts[0].Group == group {
				c, counts = counts[0], counts[1:]
			}
			if err := q.add(rows, label, c); err != nil {
				return nil, err
			}
		}
	}
	return rows, nil
}
