package question_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/event"
	"eventanalytics/pkg/property"
	"eventanalytics/pkg/syntax"
	"eventanalytics/services/stats/engine"
)

// TestClickHouseHostile: scans of values, keys and times that are easily misread are served
// as DuckDB serves them, or not at all. ROUNDS are how many sets of events are made.
func TestClickHouseHostile(t *testing.T) {
	rounds, err := strconv.Atoi("0" + os.Getenv("ROUNDS"))
	require.NoError(t, err)
	g := seeded(t, uint64(time.Now().UnixNano()))
	outcomes := map[string]int{}
	for range max(2, rounds) {
		h := newHostile(t, g, outcomes)
		for range 40 {
			h.scan(t)
		}
	}
	t.Log(outcomes)
}

// hostile is a project of such events.
type hostile struct {
	generator
	w           *world
	d           data
	zone        *calendar.Zone
	at          []int64 // what events are near to
	keys        []string
	values      map[string][]string // JSON, by key
	users, kind []string
	outcomes    map[string]int
}

var (
	hostileZones = []string{
		"UTC", "America/St_Johns", "Asia/Kathmandu", "Europe/Amsterdam", "Africa/Monrovia", "America/Juneau", "Asia/Manila", "Pacific/Apia", "Pacific/Kiritimati",
		"Australia/Lord_Howe", "Africa/Casablanca", "Europe/Dublin", "America/New_York", "Antarctica/Troll", "Asia/Gaza",
	}
	hostileTimes = []string{
		"0001-01-03T00:00:00Z", "1582-10-10T00:00:00Z", "1844-12-31T00:00:00Z", "1867-10-18T00:00:00Z", "1899-12-31T23:00:00Z", "1900-01-01T00:00:00Z", "1916-05-01T00:00:00Z", "1937-07-01T00:00:00Z",
		"1969-12-31T23:00:00Z", "1970-01-01T00:00:00Z", "2006-10-29T02:31:00Z", "2011-12-30T10:00:00Z", "2025-03-09T07:00:00Z", "2025-11-02T06:00:00Z", "2262-04-11T23:47:16Z", "2299-12-31T23:00:00Z", "9999-12-29T00:00:00Z",
	}
)

func newHostile(t *testing.T, g generator, outcomes map[string]int) *hostile {
	h := &hostile{
		generator: g, w: newWorld(t), values: map[string][]string{}, outcomes: outcomes,
		users: []string{"u1", "u2", strings.Repeat("😀", 200), "é", `\N`, "NULL", "\t", "1", "😀"},
		kind:  []string{"a", "b", "'", `\`, "é", "😀", "{{local}}", "NULL"},
	}
	if h.w.clickHouse == nil {
		t.Skip("there is no ClickHouse: make engine-test starts one")
	}
	var err error
	h.zone, err = calendar.Load(pick(g, hostileZones))
	require.NoError(t, err)
	times := hostileTimes
	if g.maybe(2) {
		times = []string{pick(g, times)}
	}
	for _, text := range times {
		at, err := time.Parse(time.RFC3339, text)
		require.NoError(t, err)
		h.at = append(h.at, at.UnixMicro())
	}
	for len(h.keys) < 5 {
		key := pick(g, hostileKeys)
		if h.values[key] != nil {
			continue
		}
		h.keys = append(h.keys, key)
		kind := pick(g, append([]string{"any"}, hostileKinds...))
		for range 3 + g.IntN(8) {
			h.values[key] = append(h.values[key], g.hostileValue(kind))
		}
	}
	if events := h.events(200); g.maybe(2) {
		h.w.scatter(t, g, 1, events)
	} else {
		h.w.builder.ShredFrom = pick(g, []int64{1, 1, 1 << 40})
		h.w.add(t, 1, events)
	}
	h.d = h.w.data(t, 1, time.Time{})
	return h
}

func (h *hostile) events(n int) (events []event.Event) {
	limits := event.Limits{NotBefore: time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(9999, 12, 30, 0, 0, 0, 0, time.UTC)}
	for len(events) < n {
		var members []string
		for _, key := range h.keys {
			if !h.maybe(5) {
				members = append(members, h.hostileQuote(key)+pick(h.generator, []string{":", ":", " : ", ":\n", "\t:\r"})+pick(h.generator, h.values[key]))
			}
		}
		e := event.Event{
			ID: h.id(), OccurredAt: h.instant(), UserID: pick(h.generator, h.users), Type: pick(h.generator, h.kind),
			Properties: "{" + strings.Join(members, ",") + "}",
		}
		if h.maybe(10) {
			e.Properties = ""
		}
		if event.Validate(&e, limits) == nil {
			events = append(events, e)
		}
	}
	return events
}

func (h *hostile) instant() int64 {
	const day = 86_400_000_000
	return pick(h.generator, h.at) + pick(h.generator, []int64{0, 0, 1, -1, h.Int64N(day), -h.Int64N(day), h.Int64N(30*day) - 2*day})
}

func (h *hostile) field() syntax.Field {
	switch h.IntN(10) {
	case 0:
		return syntax.Field{Source: pick(h.generator, []syntax.Source{syntax.EventType, syntax.UserID, syntax.Hour, syntax.Weekday})}
	case 1:
		return syntax.Field{Source: syntax.Cohort, Name: pick(h.generator, []string{"some", "nobody"})}
	case 2:
		return syntax.Field{Source: syntax.Property, Keys: []string{pick(h.generator, h.keys), pick(h.generator, []string{"b", "b", "", "null", "0", "-1", "a"})}}
	}
	return syntax.Field{Source: syntax.Property, Keys: []string{pick(h.generator, h.keys)}}
}

// textOf makes a text to compare a field with, often one that it has.
func (h *hostile) textOf(f syntax.Field) string {
	switch f.Source {
	case syntax.Property:
		if !h.maybe(4) {
			return property.Find(pick(h.generator, h.values[f.Keys[0]]), nil).Text()
		}
	case syntax.EventType:
		return pick(h.generator, h.kind)
	case syntax.UserID:
		return pick(h.generator, h.users)
	case syntax.Hour, syntax.Weekday:
		return pick(h.generator, []string{"0", "1", "1.0", "5.5", "23", "-1", "1e0", "99999999999999999999"})
	case syntax.Cohort:
		return pick(h.generator, []string{"true", "false", "tr"})
	}
	return h.hostileText()
}

func (h *hostile) condition() syntax.Filter {
	c := syntax.Condition{Field: h.field(), Op: pick(h.generator, []string{"=", "=", "!=", "<", "<=", ">", ">=", "~", syntax.In, syntax.Exists, syntax.Missing})}
	switch c.Op {
	case syntax.Exists, syntax.Missing:
	case syntax.In:
		for range 1 + h.IntN(3) {
			c.Values = append(c.Values, h.textOf(c.Field))
		}
	default:
		c.Values = []string{h.textOf(c.Field)}
		if c.Values[0] == "" && c.Op != "=" && c.Op != "!=" {
			c.Values[0] = "a"
		}
	}
	return syntax.Filter{Form: syntax.Holds, Condition: c}
}

func (h *hostile) tree(depth int) syntax.Filter {
	switch {
	case depth == 0 || h.maybe(3):
		return h.condition()
	case h.maybe(3):
		return syntax.Filter{Form: syntax.Not, Of: []syntax.Filter{h.tree(depth - 1)}}
	}
	f := syntax.Filter{Form: pick(h.generator, []syntax.Form{syntax.Any, syntax.All})}
	for range h.IntN(3) {
		f.Of = append(f.Of, h.tree(depth-1))
	}
	return f
}

func (h *hostile) filter() (f syntax.Filter) {
	if h.maybe(3) {
		return f
	}
	return h.tree(h.IntN(3))
}

func (h *hostile) scope() engine.Scope {
	some := roaring.New()
	for range h.IntN(5) {
		some.Add(uint32(h.IntN(len(h.w.keys))))
	}
	return engine.Scope{Zone: h.zone, Filter: h.filter(), Sets: map[string]engine.Set{"some": {Users: some, Except: h.maybe(2)}, "nobody": {Users: roaring.New()}}}
}

// days makes a range, of all time where there may be many buckets.
func (h *hostile) days(unit calendar.Unit) engine.Range {
	if (unit == engine.Whole || unit == calendar.Day || unit == calendar.Year) && h.maybe(3) {
		return engine.Range{From: engine.FirstDate, To: engine.LastDate}
	}
	from := max(engine.FirstDate, h.zone.Date(pick(h.generator, h.at))+calendar.Date(h.IntN(40)-20))
	return engine.Range{From: from, To: min(engine.LastDate, from+calendar.Date(h.IntN(pick(h.generator, []int{1, 3, 40, 400}))))}
}

func (h *hostile) series() engine.Series {
	s := engine.Series{Filter: h.filter(), First: h.maybe(4)}
	if h.maybe(3) {
		s.Types = []string{pick(h.generator, h.kind), pick(h.generator, h.kind)}
	}
	if h.maybe(4) {
		s.Unit = h.field()
	}
	return s
}

func (h *hostile) breakdown(n int) (all []syntax.Breakdown) {
	for range n {
		all = append(all, syntax.Breakdown{Field: h.field()})
	}
	return all
}

var hostileUnits = []calendar.Unit{engine.Whole, calendar.Minute, calendar.Hour, calendar.Day, calendar.Week, calendar.SundayWeek, calendar.SaturdayWeek, calendar.Month, calendar.Quarter, calendar.Year}

func (h *hostile) tally() engine.Tally {
	q := engine.Tally{Scope: h.scope(), Series: h.series(), Before: h.maybe(3), Interval: pick(h.generator, hostileUnits), Part: engine.Part(h.IntN(5)), Least: h.IntN(3), Breakdown: h.breakdown(h.IntN(3))}
	q.Range = h.days(q.Interval)
	if q.Part >= engine.Numbers || q.Part == engine.CountUsers && h.maybe(2) {
		q.Field = h.field()
	}
	known := map[string]bool{}
	for range h.IntN(5) * len(q.Breakdown) {
		var one engine.Group
		for _, b := range q.Breakdown {
			one = append(one, engine.Text{Missing: true})
			if !h.maybe(5) {
				one[len(one)-1] = engine.Text{Value: h.textOf(b.Field)}
			}
		}
		if !known[one.Key()] {
			q.Groups = append(q.Groups, one)
		}
		known[one.Key()] = true
	}
	return q
}

func (h *hostile) cohort() engine.Cohorts {
	q := engine.Cohorts{
		Scope: h.scope(), Range: h.days(calendar.Week), Unit: pick(h.generator, []calendar.Unit{calendar.Day, calendar.Week, calendar.Month}), InPeriod: h.maybe(2),
		Founding: pick(h.generator, append([]string{""}, h.kind...)), Returning: pick(h.generator, append([]string{"", ""}, h.kind...)), ReturningFilter: h.filter(),
	}
	q.To = min(q.To, q.From+60)
	for end, n := 1+h.IntN(2), 1+h.IntN(4); len(q.Windows) < n; end += 1 + h.IntN(2)*h.IntN(4) {
		q.Windows = append(q.Windows, end)
	}
	if q.After = h.maybe(3); q.After {
		_, last := q.Buckets()
		q.Through = q.Unit.Add(last, h.IntN(12))
	}
	return q
}

// scan asks about something.
func (h *hostile) scan(t *testing.T) {
	ctx := t.Context()
	switch h.IntN(9) {
	case 0, 1, 2:
		q := h.tally()
		h.compare(t, "tally", q, func(e engine.Engine) (any, error) {
			cells, err := e.Tally(ctx, q)
			return textsOf(q, cells), err
		})
	case 3:
		q := engine.Rank{Scope: h.scope(), Range: h.days(engine.Whole), Series: []engine.Series{h.series(), h.series()}[:1+h.IntN(2)], Breakdown: h.breakdown(1 + h.IntN(2)), Top: h.IntN(6)}
		q.Measure = syntax.Measure{Name: pick(h.generator, []string{syntax.Users, syntax.Events, syntax.PerUser, syntax.Sum, syntax.Avg, syntax.Min, syntax.Median, syntax.Distinct})}
		if n := q.Measure.Name; n != syntax.Users && n != syntax.Events && n != syntax.PerUser {
			q.Measure.Field = h.field()
		}
		h.compare(t, "rank", q, func(e engine.Engine) (any, error) { return e.Rank(ctx, q) })
	case 4:
		q := engine.TopValues{Scope: h.scope(), Range: h.days(engine.Whole), Series: h.series(), Field: h.field(), Users: h.maybe(2), Limit: 1 + h.IntN(5)}
		h.compare(t, "top values", q, func(e engine.Engine) (any, error) { return e.TopValues(ctx, q) })
	case 5:
		q := engine.Counts{Scope: h.scope(), Unit: pick(h.generator, hostileUnits), Group: pick(h.generator, []engine.Field{engine.NoField, engine.EventType}), Users: h.maybe(2), Top: h.IntN(3)}
		q.Range = h.days(q.Unit)
		h.compare(t, "counts", q, func(e engine.Engine) (any, error) { return e.Counts(ctx, q) })
	case 6:
		q := engine.Users{Scope: h.scope(), Range: h.days(calendar.Week), Window: pick(h.generator, []int{1, 1, 2, 7, 30})}
		h.compare(t, "users", q, func(e engine.Engine) (any, error) { return e.Users(ctx, q) })
	case 7:
		if h.maybe(2) {
			q := engine.Values{Scope: h.scope(), Field: engine.EventType, After: pick(h.generator, append([]string{""}, h.kind...)), Limit: 1 + h.IntN(5)}
			h.compare(t, "values", q, func(e engine.Engine) (any, error) { return e.Values(ctx, q) })
			return
		}
		q := engine.Doers{Scope: h.scope(), Since: math.MinInt64, Until: math.MaxInt64, Types: []string{pick(h.generator, h.kind), pick(h.generator, h.kind)}[:h.IntN(3)], Times: 1 + h.IntN(3), Exactly: h.maybe(3), First: h.maybe(3)}
		if p, exists := h.days(engine.Whole).Period(h.zone); exists && !h.maybe(3) {
			q.Since, q.Until = p.From, p.To
		}
		h.compare(t, "doers", q, func(e engine.Engine) (any, error) { return e.Doers(ctx, q) })
	case 8:
		q := h.cohort()
		h.compare(t, "cohorts", q, func(e engine.Engine) (any, error) { return e.Cohorts(ctx, q) })
	}
}

// textsOf is what cells say, without the numbers of what is counted in sets.
func textsOf(q engine.Tally, cells []engine.Cell) (all []string) {
	for _, c := range cells {
		one := fmt.Sprint(c.Bucket, " ", c.Group, " ", c.Events)
		if q.Part == engine.CountUsers || q.Part == engine.UserSets {
			one += fmt.Sprint(" users ", c.Users)
		}
		if c.Set != nil && q.Unit.Source == "" {
			one += c.Set.String()
		}
		for n, events := range c.Numbers.All() {
			one += fmt.Sprint(" ", n, "*", events)
		}
		if c.Sum != nil {
			one += fmt.Sprint(" sum ", c.Sum.Float(), " of ", c.Sum.Count())
		}
		all = append(all, one)
	}
	return all
}

// compare asks ClickHouse, which is to run what it is asked, and DuckDB.
func (h *hostile) compare(t *testing.T, name string, q any, ask func(engine.Engine) (any, error)) {
	t.Helper()
	about := func() string { return fmt.Sprintf("%s %+v of %q in %v", name, q, h.values, h.w.segments[0].Shredded) }
	got, err := ask(h.d.engine())
	if errors.Is(err, engine.ErrUnsupported) {
		require.NotRegexp(t, "cannot be asked|does not run|did not answer", err.Error(), about())
		h.outcomes[name+" left to others"]++
		return
	}
	require.NoError(t, err, about())
	want, err := ask(h.d.raw())
	require.NoError(t, err, about())
	require.Equal(t, fmt.Sprint(want), fmt.Sprint(got), about())
	h.outcomes[name]++
}
