package exactness

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/oracle"
)

// cohort is one of a project's, as it was put and for the model.
type cohort struct {
	name, body string
	model      *oracle.Cohort
}

// someCohorts has one by what users did, one by how far they got in a funnel, one by a list
// of them, and one made of these.
func someCohorts() []cohort {
	buyers := &oracle.Cohort{Filter: oracle.Did{Series: oracle.Series{Types: []string{"buy"}}, Op: ">=", Times: 2}}
	movers := &oracle.Cohort{Filter: &oracle.Reached{Funnel: oracle.Funnel{Steps: []oracle.Series{{Types: []string{"view"}}, {Types: []string{"buy"}}}, Window: 6 * time.Hour, Order: "ordered"}, Step: 2}}
	chosen := &oracle.Cohort{Users: []string{"user-0", "user-1", "user-5", "user-17", "nobody"}}
	is := func(c *oracle.Cohort, in string) oracle.Filter {
		return oracle.Condition{Field: cohortField(c), Op: "=", Values: []string{in}}
	}
	return []cohort{
		{"buyers", `{"filter": {"did": "buy", "times": 2}}`, buyers},
		{"movers", `{"filter": {"funnel": {"steps": ["view", "buy"], "window": "6h"}}}`, movers},
		{"chosen", `{"users": ["user-0", "user-1", "user-5", "user-17", "nobody"]}`, chosen},
		{"others", `{"filter": {"any": ["cohort:buyers=false", "cohort:movers", "cohort:chosen"]}}`, &oracle.Cohort{Filter: oracle.Any{is(buyers, "false"), is(movers, "true"), is(chosen, "true")}}},
	}
}

func cohortField(c *oracle.Cohort) oracle.Field { return oracle.Field{Source: "cohort", Cohort: c} }

// putCohorts makes those of a project.
func (p *project) putCohorts(t *testing.T) {
	t.Helper()
	for _, c := range someCohorts() {
		path := fmt.Sprintf("/api/projects/%d/cohorts/%s", p.Project, c.name)
		a := p.Do(t, http.MethodPut, path, strings.NewReader(c.body), "Content-Type", "application/json")
		require.Less(t, a.Status, 300, "%s", a)
	}
}

// ofUsers makes a filter on what users did, how far they got, or the cohorts they are in.
func (e *equal) ofUsers() (any, oracle.Filter) {
	return pickOne(e, []func() (any, oracle.Filter){e.did, e.reached, e.inCohort})()
}

func (e *equal) did() (any, oracle.Filter) {
	d := oracle.Did{Series: oracle.Series{Types: []string{pickOne(e, equalTypes)}}, Op: pickOne(e, []string{">=", "=", "<"}), Times: e.rng.IntN(4)}
	text := map[string]any{"did": d.Series.Types[0], "times": fmt.Sprint(d.Op, d.Times)}
	if e.rng.IntN(2) == 0 {
		d.Last = 30 * day
		text["last"] = "30d"
	}
	return text, d
}

func (e *equal) reached() (any, oracle.Filter) {
	first, second := pickOne(e, equalTypes), pickOne(e, equalTypes)
	r := &oracle.Reached{
		Funnel: oracle.Funnel{Steps: []oracle.Series{{Types: []string{first}}, {Types: []string{second}}}, Window: 6 * time.Hour, Order: pickOne(e, []string{"ordered", "strict", "any"})},
		Step:   1 + e.rng.IntN(2), Dropped: e.rng.IntN(2) == 0,
	}
	return map[string]any{"funnel": map[string]any{"steps": []string{first, second}, "window": "6h", "order": r.Funnel.Order}, "reached": r.Step, "dropped": r.Dropped}, r
}

func (e *equal) inCohort() (any, oracle.Filter) {
	c := pickOne(e, someCohorts())
	return "cohort:" + c.name, oracle.Condition{Field: cohortField(c.model), Op: "=", Values: []string{"true"}}
}

// narrow makes a scope of a few days that are over: the model tries every way through
// these.
func (e *equal) narrow() (map[string]any, oracle.Scope) {
	zone := e.calmZone()
	from := time.Now().In(zone).AddDate(0, 0, -4-e.rng.IntN(60))
	to := from.AddDate(0, 0, e.rng.IntN(4))
	if before := time.Now().In(zone).AddDate(0, 0, -3); to.After(before) {
		to = before
	}
	scope := oracle.Scope{From: from.Format(time.DateOnly), To: to.Format(time.DateOnly), Zone: zone, Now: time.Now(), CompleteUntil: time.Now()}
	b := map[string]any{"timezone": zone.String(), "from": scope.From, "to": scope.To}
	switch e.rng.IntN(4) {
	case 0:
		b["filter"], scope.Filter = e.condition()
	case 1:
		b["filter"], scope.Filter = e.ofUsers()
	}
	return b, scope
}

// plain is a series as a step or an endpoint has it.
func (e *equal) plain() (map[string]any, oracle.Series) {
	text, of := map[string]any{}, oracle.Series{Types: []string{pickOne(e, equalTypes)}}
	text["event"] = of.Types
	if e.rng.IntN(4) == 0 {
		text["filter"], of.Filter = e.condition()
	}
	return text, of
}

func (e *equal) funnel() analysis {
	b, scope := e.narrow()
	q := oracle.Funnel{
		Scope: scope, Interval: "all", Order: pickOne(e, []string{"ordered", "ordered", "strict", "any"}), Attribution: 1,
		Window: pickOne(e, []time.Duration{time.Minute, 6 * time.Hour, day, 2 * day}),
	}
	if e.rng.IntN(2) == 0 {
		q.Interval = e.interval(b)
	}
	b["order"], b["window"] = q.Order, fmt.Sprintf("%ds", int(q.Window.Seconds()))
	var steps []any
	for range 2 + e.rng.IntN(3) {
		text, step := e.plain()
		steps, q.Steps = append(steps, text), append(q.Steps, step)
	}
	b["steps"] = steps
	if q.Order != "any" && e.rng.IntN(3) == 0 {
		text, of := e.plain()
		text["after"] = 1
		b["exclude"] = []any{text}
		q.Exclude = []oracle.Exclude{{Types: of.Types, Filter: of.Filter, After: 1, Before: len(q.Steps)}}
	}
	var columns []string
	q.Split, columns = e.split(b)
	if e.rng.IntN(2) == 0 {
		b["attribution"], q.Attribution = "last", 0
	}
	return analysis{"funnels", b, func(events []oracle.Event) (rows []row) {
		for _, r := range q.Rows(events) {
			cells := row{
				"step": r.Step, "name": r.Name, "users": r.Users, "rate": r.Rate, "step_rate": r.StepRate,
				"avg_seconds": r.Avg, "median_seconds": r.Median, "incomplete": r.Incomplete,
			}
			if q.Interval != "all" {
				cells["bucket"] = r.Bucket
			}
			rows = append(rows, grouped(cells, columns, r.Group))
		}
		return rows
	}}
}

// gap makes the longest pause in sessions.
func (e *equal) gap(b map[string]any) time.Duration {
	gap := pickOne(e, []time.Duration{time.Minute, 30 * time.Minute, 6 * time.Hour})
	b["gap"] = fmt.Sprintf("%ds", int(gap.Seconds()))
	return gap
}

func (e *equal) sessions() analysis {
	b, scope := e.narrow()
	q := oracle.Sessions{Scope: scope, Interval: e.interval(b), Gap: e.gap(b)}
	var columns []string
	q.Split, columns = e.split(b)
	return analysis{"sessions", b, func(events []oracle.Event) (rows []row) {
		for _, r := range q.Rows(events) {
			rows = append(rows, grouped(row{
				"bucket": r.Bucket, "sessions": r.Sessions, "users": r.Users, "sessions_per_user": r.SessionsPerUser, "events_per_session": r.EventsPerSession,
				"bounces": r.Bounces, "bounce_rate": r.BounceRate, "avg_seconds": r.AvgSeconds, "median_seconds": r.MedianSeconds, "incomplete": r.Incomplete,
			}, columns, r.Group))
		}
		return rows
	}}
}

func (e *equal) paths() analysis {
	b, scope := e.narrow()
	q := oracle.Paths{Scope: scope, Steps: 2 + e.rng.IntN(4), Gap: e.gap(b), Top: 1 + e.rng.IntN(4), Repeats: e.rng.IntN(2) == 0}
	b["steps"], b["top"], b["repeats"] = q.Steps, q.Top, q.Repeats
	b["node"], q.Node = e.field()
	if e.rng.IntN(2) == 0 {
		text, start := e.plain()
		b["start"], q.Start = text, &start
	}
	if e.rng.IntN(3) == 0 {
		text, end := e.plain()
		b["end"], q.End = text, &end
	}
	if e.rng.IntN(2) == 0 {
		b["within"], q.Within = "1d", day
	}
	return analysis{"paths", b, func(events []oracle.Event) (rows []row) {
		for _, r := range q.Rows(events) {
			rows = append(rows, row{
				"step": r.Step, "source": r.Source, "source_group": r.SourceGroup, "target": r.Target, "target_group": r.TargetGroup,
				"paths": r.Paths, "users": r.Users,
			})
		}
		return rows
	}}
}

func (e *equal) profiles() analysis {
	b, scope := e.narrow()
	q := oracle.Profiles{From: scope.From, To: scope.To, Zone: scope.Zone, Filter: scope.Filter, Sort: pickOne(e, []string{"last_seen", "first_seen", "events", "user_id"})}
	if q.Filter == nil {
		q.Filter = oracle.All{}
	}
	q.Fields = []oracle.Field{keyed("user", "plan"), keyed("first", "country")}
	b["sort"], b["fields"], b["limit"] = q.Sort, []string{"user.plan", "first.country"}, 20
	return analysis{"profiles", b, func(events []oracle.Event) (rows []row) {
		all := q.Rows(events)
		for _, r := range all[:min(20, len(all))] {
			rows = append(rows, row{
				"user_id": r.UserID, "first_seen": r.FirstSeen, "last_seen": r.LastSeen, "events": r.Events,
				"user.plan": r.Fields[0], "first.country": r.Fields[1],
			})
		}
		return rows
	}}
}

// timeline asks for one user's last events.
func (e *equal) timeline(p *project) analysis {
	user, zone := p.sent[e.rng.IntN(len(p.sent))].User, e.calmZone()
	return analysis{"profiles/" + user + "/events", map[string]any{"limit": 50, "timezone": zone.String()}, func(events []oracle.Event) (rows []row) {
		all := oracle.Timeline(events, user, zone)
		for _, r := range all[:min(50, len(all))] {
			rows = append(rows, row{"event_id": r.ID, "occurred_at": r.OccurredAt, "user_id": r.UserID, "event_type": r.Type, "properties": parsed(r.Properties)})
		}
		return rows
	}}
}
