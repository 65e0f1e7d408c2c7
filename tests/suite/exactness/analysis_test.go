package exactness

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"eventanalytics/pkg/client"
	"eventanalytics/pkg/oracle"
)

// analysis is a question about fields, series and breakdowns, as it is posted.
type analysis struct {
	metric string
	body   map[string]any
	want   func(events []oracle.Event) []row // of the model
}

// row is one of an answer, with numbers as float64.
type row = map[string]any

// analyse asks each replica a question as it is and with a filter that holds for every
// event, which engines other than the one of events do not serve or serve in another way.
// All must answer as the model does.
func (e *equal) analyse(t *testing.T, p *project, a analysis) {
	t.Helper()
	bodies := []map[string]any{a.body, a.forced()}
	answers := make([]*client.Answer, 2*len(e.stats))
	g, ctx := errgroup.WithContext(t.Context())
	for i, r := range e.stats {
		g.Go(func() (err error) {
			for n, body := range bodies {
				if answers[2*i+n], err = p.analysed(ctx, r, a.metric, body); err != nil {
					return err
				}
			}
			return nil
		})
	}
	about, err := json.Marshal(a.body)
	require.NoError(t, err)
	require.NoError(t, g.Wait(), "%s %s", a.metric, about)
	want := rowsOf(t, a.want(p.whole()))
	for i, answer := range answers {
		got, err := rowsIn(answer)
		require.NoError(t, err)
		require.Equal(t, want, got, "model and service, from %s: %s %s on replica %d", answer.Meta.Source, a.metric, about, i/2)
		require.False(t, answer.Meta.Stale)
		e.sources[answer.Meta.Source]++
	}
	metric := a.metric
	if strings.Contains(metric, "/") {
		metric = "timeline"
	}
	e.asked[metric]++
	if len(want) > 0 {
		e.asked["analyses with rows"]++
	}
}

// forced is the body with a filter more that holds for every event.
func (a analysis) forced() map[string]any {
	forced := maps.Clone(a.body)
	forced["filter"] = []any{"user_id:exists"}
	if filter, ok := a.body["filter"]; ok {
		forced["filter"] = []any{filter, "user_id:exists"}
	}
	return forced
}

// rowsIn are those of an answer without their cursors, of which the model knows nothing.
func rowsIn(a *client.Answer) (rows []row, err error) {
	err = json.NewDecoder(bytes.NewReader(a.Data)).Decode(&rows)
	for _, r := range rows {
		delete(r, "cursor")
	}
	return rows, err
}

// rowsOf are the rows as an answer has them.
func rowsOf(t *testing.T, rows []row) []row {
	t.Helper()
	text, err := json.Marshal(append([]row{}, rows...)) // an empty list, not null
	require.NoError(t, err)
	decoded := []row{}
	require.NoError(t, json.Unmarshal(text, &decoded))
	return decoded
}

// parsed is JSON as an answer has it; empty for null.
func parsed(text string) any {
	var value any
	if text != "" {
		if err := json.Unmarshal([]byte(text), &value); err != nil {
			panic(err) // it was made here
		}
	}
	return value
}

// analysed asks a replica as of the newest upload, whatever it has in its cache: by POST,
// or by GET the routes that have no other.
func (p *project) analysed(ctx context.Context, r replica, metric string, body map[string]any) (*client.Answer, error) {
	c, err := p.At(r.url).Client()
	if err != nil {
		return nil, err
	}
	q := client.Question{Metric: metric, JSON: body, MinPosition: p.position, Wait: 30 * time.Second, Uncached: true}
	if strings.Contains(metric, "/") {
		q.JSON, q.Values = nil, url.Values{}
		for name, value := range body {
			text, err := json.Marshal(value)
			if err != nil {
				return nil, err
			}
			if s, ok := value.(string); ok {
				text = []byte(s)
			}
			q.Values.Set(name, string(text))
		}
	}
	return c.Ask(ctx, q)
}

// whole are the events that were sent with all that the model needs.
func (p *project) whole() []oracle.Event {
	events := make([]oracle.Event, len(p.sent))
	for i, f := range p.sent {
		events[i] = oracle.Event{ID: f.ID.String(), UserID: f.User, Type: f.Type, At: f.At, Properties: f.Props}
	}
	return events
}

// analyses are the questions that are made in turn, those with more to go wrong more often.
var analyses = []string{
	"trends", "trends", "trends", "lifecycle", "stickiness", "properties", "property-values", "retention", "retention",
	"funnels", "funnels", "funnels", "sessions", "sessions", "paths", "paths", "profiles", "timeline",
}

// analysis makes one about the days of a project's events.
func (e *equal) analysis(p *project) analysis {
	metric := analyses[e.asked["analyses"]%len(analyses)]
	e.asked["analyses"]++
	switch metric {
	case "funnels":
		return e.funnel()
	case "sessions":
		return e.sessions()
	case "paths":
		return e.paths()
	case "profiles":
		return e.profiles()
	case "timeline":
		return e.timeline(p)
	}
	zone := e.calmZone()
	from, to := e.days(p, zone)
	to = min(to, addDays(from, 60)) // the model is slow
	b := map[string]any{"timezone": zone.String(), "from": from, "to": to}
	scope := oracle.Scope{From: from, To: to, Zone: zone, Now: time.Now(), CompleteUntil: time.Now()}
	switch e.rng.IntN(5) {
	case 0, 1:
		b["filter"], scope.Filter = e.condition()
	case 2:
		b["filter"], scope.Filter = e.ofUsers()
	}
	switch metric {
	case "trends":
		return e.trends(b, scope)
	case "lifecycle":
		q := oracle.Lifecycle{Scope: scope, Interval: e.interval(b), Series: e.oneSeries(b)}
		return analysis{"lifecycle", b, func(events []oracle.Event) (rows []row) {
			for _, r := range q.Rows(events) {
				rows = append(rows, row{"bucket": r.Bucket, "status": r.Status, "users": r.Users, "incomplete": r.Incomplete})
			}
			return rows
		}}
	case "stickiness":
		q := oracle.Stickiness{Scope: scope, Interval: e.interval(b), Series: e.oneSeries(b), Least: 1 + e.rng.IntN(2), Cumulative: e.rng.IntN(2) == 0}
		b["least"], b["cumulative"] = q.Least, q.Cumulative
		return analysis{"stickiness", b, func(events []oracle.Event) (rows []row) {
			for _, r := range q.Rows(events) {
				rows = append(rows, row{"buckets": r.Buckets, "users": r.Users, "share": r.Share})
			}
			return rows
		}}
	case "properties":
		q := oracle.Properties{Scope: scope, Series: e.oneSeries(b)}
		return analysis{"properties", b, func(events []oracle.Event) (rows []row) {
			for _, r := range q.Rows(events) {
				rows = append(rows, row{"property": r.Property, "types": r.Types, "events": r.Events, "share": r.Share})
			}
			return rows
		}}
	case "property-values":
		return e.propertyValues(b, scope)
	}
	return e.retentionOptions(b, scope)
}

func (e *equal) propertyValues(b map[string]any, scope oracle.Scope) analysis {
	q := oracle.PropertyValues{Scope: scope, Series: e.oneSeries(b), Limit: 1 + e.rng.IntN(8)}
	b["property"], q.Property = e.field()
	b["limit"], b["include"] = q.Limit, "users"
	if e.rng.IntN(3) == 0 {
		q.Q = pickOne(e, []string{"u", "A", "1", ".5"})
		b["q"] = q.Q
	}
	return analysis{"property-values", b, func(events []oracle.Event) (rows []row) {
		for _, r := range q.Rows(events) {
			rows = append(rows, row{"value": r.Value, "events": r.Events, "users": r.Users})
		}
		return rows
	}}
}

func (e *equal) trends(b map[string]any, scope oracle.Scope) analysis {
	q := oracle.Trends{Scope: scope, Interval: e.interval(b)}
	var series []any
	for range 1 + e.rng.IntN(3) {
		text, of := e.series()
		text["measure"], of.Measure = e.measure()
		if e.rng.IntN(4) == 0 {
			of.Rolling = 2 + e.rng.IntN(8)
			text["rolling"] = of.Rolling
		}
		series, q.Series = append(series, text), append(q.Series, of)
	}
	b["series"] = series
	if len(series) > 1 && e.rng.IntN(2) == 0 {
		b["formula"], q.Formulas = []any{"A/B"}, []oracle.Formula{{Text: "A/B"}}
	}
	if e.rng.IntN(3) == 0 {
		q.Compare = pickOne(e, []string{"previous", "7d", "1mo"})
		b["compare"] = q.Compare
	}
	var columns []string
	q.Split, columns = e.split(b)
	return analysis{"trends", b, func(events []oracle.Event) (rows []row) {
		for _, r := range q.Rows(events) {
			cells := row{"bucket": r.Bucket, "series": r.Series, "value": r.Value, "incomplete": r.Incomplete}
			if q.Compare != "" {
				cells["previous_bucket"], cells["previous"] = r.PreviousBucket, r.Previous
			}
			rows = append(rows, grouped(cells, columns, r.Group))
		}
		return rows
	}}
}

// retentionOptions makes a question of retention with what it has beside roll-ups.
func (e *equal) retentionOptions(b map[string]any, scope oracle.Scope) analysis {
	q := oracle.Retention{
		Start: scope.From, End: scope.To, Granularity: pickOne(e, []string{"day", "week", "month"}), Windows: 1 + e.rng.IntN(6),
		Zone: scope.Zone, Now: scope.Now, CompleteUntil: scope.CompleteUntil, Filter: scope.Filter,
		Returned: e.rng.IntN(2) == 0, Mode: pickOne(e, []string{"on", "after", "bracket"}),
	}
	delete(b, "from")
	delete(b, "to")
	b["start_date"], b["end_date"], b["granularity"], b["mode"], b["windows"] = q.Start, q.End, q.Granularity, q.Mode, q.Windows
	if q.Mode == "bracket" {
		q.Brackets = []int{1, 3, 7}
		b["brackets"] = q.Brackets
		delete(b, "windows")
	}
	if q.Returned {
		b["zero"] = "returned"
	}
	if e.rng.IntN(2) == 0 {
		q.Founding = pickOne(e, equalTypes)
		b["event_type"] = q.Founding
	}
	if e.rng.IntN(3) == 0 {
		b["returning_filter"], q.ReturningFilter = e.condition()
	}
	var columns []string
	q.Split, columns = e.split(b)
	return analysis{"retention", b, func(events []oracle.Event) (rows []row) {
		for _, r := range q.Groups(events) {
			cells := row{
				"cohort_" + q.Granularity: r.Cohort, q.Granularity + "_number": r.Window, "cohort_size": r.Size,
				"retained_users": r.Retained, "retention_rate": r.Rate, "incomplete": r.Incomplete,
			}
			rows = append(rows, grouped(cells, columns, r.Group))
		}
		return rows
	}}
}

// grouped adds the columns of a breakdown to a row.
func grouped(r row, columns []string, g oracle.Group) row {
	for i, column := range columns {
		r[column] = g.Values[i]
	}
	if len(columns) > 0 {
		r["group"] = g.Name
	}
	return r
}
