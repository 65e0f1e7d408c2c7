package exactness

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"eventanalytics/pkg/client"
	"eventanalytics/pkg/oracle"
	"eventanalytics/tests/harness/api"
)

const (
	fromRollUp = "rollup"
	fromWalk   = "walk"
	fromEvents = "raw"
)

// question is one that a roll-up can answer.
type question struct {
	metric string
	values url.Values
	// want checks an answer's rows against the model; nil when that is not able to.
	want func(t *testing.T, events []oracle.Event, rows []byte)
	// cut says that a day may begin at a minute past midnight: only events tell.
	cut bool
	// holds is the condition on event types; nil for none.
	holds func(eventType string) bool
}

// askAll asks n questions about each project.
func (e *equal) askAll(t *testing.T, n int) {
	t.Helper()
	for i := range n {
		for _, p := range e.projects {
			q := e.question(p)
			e.ask(t, p, q)
			if q.holds != nil { // and about all types, of which something may be remembered now
				q.values, q.holds = maps.Clone(q.values), nil
				q.values.Del("segment")
				e.ask(t, p, q)
			}
			if i%3 == 0 {
				e.analyse(t, p, e.analysis(p))
			}
		}
	}
}

// ask asks each replica a question as it is and in a way that no roll-up can
// answer: with a condition that holds for every event.
func (e *equal) ask(t *testing.T, p *project, q question) {
	t.Helper()
	forced := maps.Clone(q.values)
	forced["segment"] = append(slices.Clone(q.values["segment"]), "user_id:exists")
	answers := make([]*client.Answer, 2*len(e.stats))
	g, ctx := errgroup.WithContext(t.Context())
	for i, r := range e.stats {
		g.Go(func() (err error) {
			if answers[2*i], err = p.rows(ctx, r, q.metric, q.values); err == nil {
				answers[2*i+1], err = p.rows(ctx, r, q.metric, forced)
			}
			return err
		})
	}
	require.NoError(t, g.Wait(), "%s %v", q.metric, q.values)
	for i, a := range answers {
		source := a.Meta.Source
		switch {
		case i%2 == 1 || p == e.without:
			require.NotEqual(t, fromRollUp, source, "%s %v on replica %d", q.metric, q.values, i/2)
		case !q.cut && p != e.healing:
			require.Equal(t, fromRollUp, source, "%s %v on replica %d", q.metric, q.values, i/2)
		}
		require.Equal(t, string(answers[1].Data), string(a.Data), "from %s and from %s: %s %v on replica %d", answers[1].Meta.Source, source, q.metric, q.values, i/2)
		require.False(t, a.Meta.Stale)
		e.sources[source]++
	}
	if q.want != nil {
		events := p.events()
		if q.holds != nil {
			events = slices.DeleteFunc(events, func(x oracle.Event) bool { return !q.holds(x.Type) })
		}
		q.want(t, events, answers[1].Data)
	}
	e.asked[q.metric]++
	if answers[1].Meta.Rows > 0 {
		e.asked["with rows"]++
	}
}

// rows asks a replica as of the newest upload, whatever it has in its cache.
func (p *project) rows(ctx context.Context, r replica, metric string, values url.Values) (*client.Answer, error) {
	c, err := p.At(r.url).Client()
	if err != nil {
		return nil, err
	}
	return c.Ask(ctx, client.Question{Metric: metric, Values: values, MinPosition: p.position, Wait: 30 * time.Second, Uncached: true})
}

// has returns nil when the replica answers from that version of the manifest or a
// later one.
func (r replica) has(ctx context.Context, version int64) error {
	a, err := api.Anonymous(r.url, nil).Try(ctx, http.MethodGet, "/metrics", nil)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(a.Body)) {
		if value, ok := strings.CutPrefix(line, "analytics_stats_manifest_version "); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err == nil && int64(n) < version {
				err = fmt.Errorf("the replica has version %d, not %d", int64(n), version)
			}
			return err
		}
	}
	return errors.New("the replica tells no version")
}

// sameRows compares an answer with what the model says.
func sameRows[T any](t *testing.T, q *question, want []T, rows []byte) {
	t.Helper()
	var got []T
	decoder := json.NewDecoder(bytes.NewReader(rows))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&got))
	if len(want) == 0 && len(got) == 0 {
		return
	}
	require.Equal(t, want, got, "model and service: %s %v", q.metric, q.values)
}

// question makes one about the days of a project's events.
func (e *equal) question(p *project) question {
	zone := e.calmZone()
	from, to := e.days(p, zone)
	return e.questionOf(pickOne(e, []string{"dau", "top-events", "retention", "retention", "active-users", "events", "event-types"}), from, to, zone)
}

// askAround asks about the days of a change of clocks.
func (e *equal) askAround(t *testing.T, p *project, c change) {
	t.Helper()
	zone := c.location()
	for days := range 3 {
		at := c.instant().In(zone).AddDate(0, 0, days-1)
		for _, metric := range []string{"dau", "events", "retention", "retention"} {
			e.ask(t, p, e.questionOf(metric, at.Format(time.DateOnly), at.AddDate(0, 0, e.rng.IntN(3)).Format(time.DateOnly), zone))
		}
	}
}

func (e *equal) questionOf(metric, from, to string, zone *time.Location) question {
	q := question{metric: metric, values: url.Values{"timezone": {zone.String()}}}
	q.cut = zone.String() == "America/St_Johns" && from < "2012-03-01" // with the windows before it
	e.filter(&q)
	typed := func(name string) string {
		if e.rng.IntN(2) == 0 {
			return ""
		}
		q.values.Set(name, pickOne(e, equalTypes))
		return q.values.Get(name)
	}
	switch metric {
	case "retention":
		e.retention(&q, from, to, zone, typed)
		return q
	case "event-types":
		return q
	}
	q.values.Set("from", from)
	q.values.Set("to", to)
	switch metric {
	case "dau":
		q.want = func(t *testing.T, events []oracle.Event, rows []byte) {
			want := oracle.DAU(events, from, to, zone)
			for i := range want {
				want[i].Incomplete = oracle.Incomplete("day", want[i].Date, from, to, zone, time.Now())
			}
			sameRows(t, &q, want, rows)
		}
	case "top-events":
		limit := 1 + e.rng.IntN(6)
		q.values.Set("limit", strconv.Itoa(limit))
		q.want = func(t *testing.T, events []oracle.Event, rows []byte) {
			sameRows(t, &q, oracle.TopEvents(events, from, to, zone, limit), rows)
		}
		if e.rng.IntN(3) > 0 {
			q.values.Set("include", "users")
			q.want = func(t *testing.T, events []oracle.Event, rows []byte) {
				sameRows(t, &q, oracle.TopEventsUsers(events, from, to, zone, limit), rows)
			}
		}
	case "active-users":
		window := pickOne(e, []int{1, 2, 7, 30, 90})
		q.values.Set("window", strconv.Itoa(window))
		q.want = func(t *testing.T, events []oracle.Event, rows []byte) {
			want := oracle.ActiveUsers(events, from, to, zone, window)
			for i := range want {
				want[i].Incomplete = oracle.Incomplete("day", want[i].Date, from, to, zone, time.Now())
			}
			sameRows(t, &q, want, rows)
		}
	case "events":
		interval, byType := pickOne(e, []string{"hour", "day", "week", "month"}), e.rng.IntN(2) == 0
		q.values.Set("interval", interval)
		if byType {
			q.values.Set("by", "event_type")
		}
		if interval != "hour" {
			q.want = func(t *testing.T, events []oracle.Event, rows []byte) {
				want := oracle.Events(events, from, to, zone, interval, byType)
				for i := range want {
					want[i].Incomplete = oracle.Incomplete(interval, want[i].Bucket, from, to, zone, time.Now())
				}
				sameRows(t, &q, want, rows)
			}
		}
	}
	long := to > addDays(from, 100)
	if q.metric != "top-events" && e.rng.IntN(4) == 0 && !long {
		q.values.Set("fill", "zero")
		q.want = nil
	}
	return q
}

func pickOne[T any](e *equal, of []T) T { return of[e.rng.IntN(len(of))] }

// calmZone is a zone in which no day begins or ends within minutes: what has
// begun, and what is complete, does not change while a question is asked.
func (e *equal) calmZone() *time.Location {
	for {
		zone := e.zone()
		now := time.Now()
		if now.Add(-5*time.Minute).In(zone).Day() == now.Add(5*time.Minute).In(zone).Day() {
			return zone
		}
	}
}

// days are a range: of lately, around an event or a change of clocks, or of
// years.
func (e *equal) days(p *project, zone *time.Location) (from, to string) {
	begin, length := time.Now().In(zone), e.rng.IntN(70)
	switch e.rng.IntN(5) {
	case 0:
		begin = begin.AddDate(0, 0, -length)
	case 1:
		begin = begin.AddDate(0, 0, -e.rng.IntN(70))
	case 2:
		begin, length = p.sent[e.rng.IntN(len(p.sent))].At.In(zone).AddDate(0, 0, -e.rng.IntN(3)), e.rng.IntN(5)
	case 3:
		begin, length = pickOne(e, changes).instant().In(zone).AddDate(0, 0, -e.rng.IntN(3)), e.rng.IntN(5)
	default:
		begin, length = begin.AddDate(-6, 0, e.rng.IntN(365)), e.rng.IntN(6*365)
	}
	return begin.Format(time.DateOnly), begin.AddDate(0, 0, length).Format(time.DateOnly)
}

func addDays(day string, n int) string {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		panic(err)
	}
	return t.AddDate(0, 0, n).Format(time.DateOnly)
}

func (e *equal) filter(q *question) {
	one, other := pickOne(e, equalTypes), pickOne(e, equalTypes)
	switch e.rng.IntN(8) {
	case 0:
		q.values.Set("segment", "event_type:"+one)
		q.holds = func(eventType string) bool { return eventType == one }
	case 1:
		q.values.Set("segment", "event_type!="+one)
		q.holds = func(eventType string) bool { return eventType != one }
	case 2:
		q.values.Set("segment", "event_type:in("+one+","+other+")")
		q.holds = func(eventType string) bool { return eventType == one || eventType == other }
	case 3:
		q.values["segment"] = []string{"event_type~view", "event_type!=" + one}
		q.holds = func(eventType string) bool { return strings.Contains(eventType, "view") && eventType != one }
	}
}

// retentionRow is a row of any granularity.
type retentionRow struct {
	CohortWeek  string  `json:"cohort_week"`
	CohortDay   string  `json:"cohort_day"`
	CohortMonth string  `json:"cohort_month"`
	Week        int     `json:"week_number"`
	Day         int     `json:"day_number"`
	Month       int     `json:"month_number"`
	Size        int     `json:"cohort_size"`
	Retained    int     `json:"retained_users"`
	Rate        float64 `json:"retention_rate"`
	Incomplete  bool    `json:"incomplete"`
}

func (e *equal) retention(q *question, from, to string, zone *time.Location, typed func(string) string) {
	r := oracle.Retention{
		Start: from, End: to, Windows: 1 + e.rng.IntN(8), Granularity: pickOne(e, []string{"day", "week", "month"}),
		InPeriod: e.rng.IntN(2) == 0, Founding: typed("event_type"), Returning: typed("returning_event_type"), Zone: zone,
	}
	q.values.Set("start_date", from)
	q.values.Set("end_date", to)
	q.values.Set("windows", strconv.Itoa(r.Windows))
	q.values.Set("granularity", r.Granularity)
	if r.InPeriod {
		q.values.Set("cohort", "in_period")
	}
	q.want = func(t *testing.T, events []oracle.Event, rows []byte) {
		r.Now = time.Now()
		var want []retentionRow
		for _, w := range r.Rows(events) {
			row := retentionRow{Size: w.Size, Retained: w.Retained, Rate: w.Rate, Incomplete: w.Incomplete}
			switch r.Granularity {
			case "day":
				row.CohortDay, row.Day = w.Cohort, w.Window
			case "week":
				row.CohortWeek, row.Week = w.Cohort, w.Window
			case "month":
				row.CohortMonth, row.Month = w.Cohort, w.Window
			}
			want = append(want, row)
		}
		sameRows(t, q, want, rows)
	}
}
