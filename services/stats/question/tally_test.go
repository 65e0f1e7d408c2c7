package question_test

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/decimal"
	"eventanalytics/pkg/event"
	"eventanalytics/pkg/oracle"
	"eventanalytics/pkg/property"
	"eventanalytics/pkg/syntax"
	"eventanalytics/services/stats/engine"
	"eventanalytics/services/stats/engine/clickhouse"
)

// found is what there is in a bucket and group, counted in Go.
type found struct {
	events   int64
	users    map[string]int
	numbers  map[string]int64
	n, price sum
}

// sum is one of numbers.
type sum struct {
	big.Rat
	count int64
}

func (s *sum) add(v property.Value) {
	if !v.IsNumber() {
		return
	}
	x, _ := new(big.Rat).SetString(v.JSON())
	s.Add(&s.Rat, x)
	s.count++
}

func (s *sum) float() float64 {
	x, _ := s.Float64()
	return x
}

// Tallies of events, some of them in columns and some in JSON, are those that Go counts.
func TestTally(t *testing.T) {
	g := seeded(t, uint64(time.Now().UnixNano()))
	w := newWorld(t)
	zone, err := calendar.Load("Europe/Kyiv")
	require.NoError(t, err)
	start := time.Date(2025, 10, 24, 0, 0, 0, 0, time.UTC).UnixMicro() // clocks go back on the 26th
	make1 := func(n int, values []string) (events []event.Event) {
		for range n {
			p := fmt.Sprintf(`{"n": %s, "price": %s`, pick(g, []string{"0", "-2.5", "0.10", "-1.25e2", `"x"`, "123456789012.345"}), pick(g, values))
			if g.IntN(4) > 0 {
				p += fmt.Sprintf(`, "country": %q`, pick(g, []string{"UA", "PL", "", "Ünï'"}))
			}
			p += "}"
			events = append(events, event.Event{ID: uuid.New(), OccurredAt: start + g.Int64N(5*86400)*1e6, UserID: fmt.Sprint(g.IntN(20)), Type: pick(g, []string{"a", "b"}), Properties: p})
		}
		return events
	}
	w.add(t, 1, make1(300, []string{"1", "2", "-3"}))
	w.add(t, 1, make1(300, []string{"1.5", "2.0", "1e21", "1e-7", "0.001"}))
	w.builder.ShredFrom = 1 << 40
	w.add(t, 1, make1(300, []string{"1", "1.50", `"1"`, "null", "9007199254740993"}))
	d := w.data(t, 1, time.Time{})

	price := syntax.Field{Source: syntax.Property, Keys: []string{"price"}}
	n := syntax.Field{Source: syntax.Property, Keys: []string{"n"}} // whose numbers are of few digits
	country := syntax.Field{Source: syntax.Property, Keys: []string{"country"}}
	groups := []engine.Group{{{Value: "UA"}, {Value: "1"}}, {{Missing: true}, {Value: "1.5"}}, {{Value: "Ünï'"}, {Value: "1000000000000000000000"}}, {{Value: ""}, {Value: "null"}}}
	holds := syntax.Filter{Form: syntax.Any, Of: []syntax.Filter{
		{Form: syntax.Not, Of: []syntax.Filter{{Form: syntax.Holds, Condition: syntax.Condition{Field: country, Op: "=", Values: []string{"PL"}}}}},
		{Form: syntax.Holds, Condition: syntax.Condition{Field: syntax.Field{Source: syntax.UserProperty, Keys: []string{"price"}}, Op: ">=", Values: []string{"1.5"}}},
	}}
	from, to := calendar.Date(20386), calendar.Date(20388) // 25th to 27th
	last := map[string]property.Value{}
	inOrder := slices.Clone(w.events[1])
	slices.SortFunc(inOrder, func(a, b event.Event) int {
		return strings.Compare(fmt.Sprintf("%020d%s%s", a.OccurredAt, a.Type, a.ID), fmt.Sprintf("%020d%s%s", b.OccurredAt, b.Type, b.ID))
	})
	for _, e := range inOrder {
		if zone.Date(e.OccurredAt) <= to {
			last[e.UserID] = property.Find(e.Properties, price.Keys)
		}
	}
	atLeast := syntax.Condition{Op: ">=", Field: price, Values: []string{"1.5"}}.Test(zone)
	for _, first := range []bool{false, true} {
		for _, before := range []bool{false, true} {
			for _, unit := range []calendar.Unit{engine.Whole, calendar.Hour, calendar.Day, calendar.SundayWeek} {
				want := map[[2]int64]*found{}
				seen := map[string]bool{}
				for _, e := range inOrder {
					at, c := property.Find(e.Properties, price.Keys), property.Find(e.Properties, country.Keys)
					if e.Type != "a" || c.Text() == "PL" && !atLeast.Holds(last[e.UserID]) || first && seen[e.UserID] {
						continue
					}
					seen[e.UserID] = true
					day := zone.Date(e.OccurredAt)
					bucket := int64(unit.Floor(day))
					switch {
					case day > to, day < from && !before:
						continue
					case day < from:
						bucket = engine.BeforeRange
					case unit == engine.Whole:
						bucket = 0
					case unit.OfInstants():
						bucket = zone.BeginOf(unit, e.OccurredAt)
					}
					group := slices.IndexFunc(groups, func(g engine.Group) bool {
						return g[0] == engine.Text{Value: c.Text(), Missing: c.Missing()} && g[1].Value == at.Text()
					})
					key := [2]int64{bucket, int64(group)}
					if want[key] == nil {
						want[key] = &found{users: map[string]int{}, numbers: map[string]int64{}}
					}
					f := want[key]
					f.events++
					f.users[e.UserID]++
					f.price.add(at)
					f.n.add(property.Find(e.Properties, n.Keys))
					if at.IsNumber() {
						f.numbers[at.Text()]++
					}
				}
				for _, of := range []struct {
					part  engine.Part
					field syntax.Field
				}{{engine.OnlyEvents, syntax.Field{}}, {engine.CountUsers, syntax.Field{}}, {engine.UserSets, syntax.Field{}}, {engine.Numbers, price}, {engine.Sums, price}, {engine.Sums, n}} {
					part := of.part
					q := engine.Tally{
						Scope: engine.Scope{Zone: zone, Filter: holds}, Range: engine.Range{From: from, To: to},
						Series: engine.Series{Types: []string{"a"}, First: first}, Interval: unit, Before: before,
						Breakdown: []syntax.Breakdown{{Field: country}, {Field: price}}, Groups: groups, Part: part, Field: of.field,
					}
					for _, e := range d.all() {
						cells, err := e.Tally(t.Context(), q)
						if e.Name() == clickhouse.Name && errors.Is(err, engine.ErrUnsupported) {
							continue
						}
						require.NoError(t, err)
						require.Len(t, cells, len(want), "%v %v %v %v", first, before, unit, part)
						for i, c := range cells {
							f := want[[2]int64{c.Bucket, int64(c.Group)}]
							require.NotNil(t, f)
							require.Equal(t, f.events, c.Events)
							if part == engine.CountUsers || part == engine.UserSets {
								require.EqualValues(t, len(f.users), c.Users)
							}
							for user := range f.users {
								require.True(t, part != engine.UserSets || c.Set.Contains(w.keys[user]))
							}
							if part == engine.Numbers {
								require.True(t, slices.IsSortedFunc(c.Numbers.Numbers, decimal.Compare))
								numbers := map[string]int64{}
								for n, events := range c.Numbers.All() {
									numbers[n.String()] = events
								}
								require.Equal(t, f.numbers, numbers)
							}
							if part == engine.Sums {
								want := &f.price
								if of.field.Keys[0] == "n" {
									want = &f.n
								}
								require.Equal(t, want.count, c.Sum.Count())
								require.Equal(t, want.float(), c.Sum.Float())
							}
							if i > 0 {
								p := cells[i-1]
								require.True(t, p.Bucket < c.Bucket || p.Bucket == c.Bucket && (c.Group == engine.Rest || p.Group != engine.Rest && p.Group < c.Group))
							}
						}
					}
				}
			}
		}
	}
}

// A rank is in the order of the first series' measure over all groups, then of values: the
// order of the oracle's groups.
func TestRank(t *testing.T) {
	g := seeded(t, uint64(time.Now().UnixNano()))
	w := newWorld(t)
	zone, err := calendar.Load("UTC")
	require.NoError(t, err)
	start := time.Date(2025, 8, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	var events []event.Event
	for range 400 {
		p := fmt.Sprintf(`{"k": %s, "n": %s}`, pick(g, []string{"1", "1.0", "null", "[1]", "7e3", "2.5"}), pick(g, []string{"1", "-2", "0.1", `"t"`}))
		if g.IntN(4) == 0 { // which has none to measure
			p = fmt.Sprintf(`{"k": %q}`, pick(g, []string{"x", "y"}))
		}
		events = append(events, event.Event{ID: uuid.New(), OccurredAt: start + g.Int64N(86400)*1e6, UserID: fmt.Sprint(g.IntN(9)), Type: pick(g, []string{"a", "a", "b"}), Properties: p})
	}
	w.add(t, 1, events)
	var model []oracle.Event
	for _, e := range events {
		model = append(model, naive(e))
	}
	d := w.data(t, 1, time.Time{})
	key := syntax.Field{Source: syntax.Property, Keys: []string{"k"}}
	in := func(values ...string) syntax.Filter {
		return syntax.Filter{Form: syntax.Holds, Condition: syntax.Condition{Field: key, Op: syntax.In, Values: values}}
	}
	naiveKey := oracle.Field{Source: "properties", Keys: []string{"k"}}
	test := func(name string, first ...string) {
		// With the groups of the second there may be enough, and yet those of the third come before.
		series := []engine.Series{{Types: []string{"a"}, Filter: in(first...)}, {Filter: in("[1]", "7000")}, {}}
		m, of := syntax.Measure{Name: name}, oracle.Measure{Name: name}
		if name != syntax.Users && name != syntax.Events && name != syntax.PerUser {
			m.Field = syntax.Field{Source: syntax.Property, Keys: []string{"n"}}
			of.Field = oracle.Field{Source: "properties", Keys: []string{"n"}}
		}
		rows := oracle.Trends{
			Scope: oracle.Scope{From: "2025-08-01", To: "2025-08-01", Zone: time.UTC}, Interval: "all",
			Split: oracle.Split{Breakdown: []oracle.Breakdown{{Field: naiveKey}}, Top: 100},
			Series: []oracle.Series{
				{Types: []string{"a"}, Filter: oracle.Condition{Field: naiveKey, Op: "in", Values: first}, Measure: of},
				{Measure: oracle.Measure{Name: "events"}, Name: "all"},
			},
		}.Rows(model)
		var want []engine.Group
		for _, r := range rows {
			if r.Series == "all" { // has every group
				want = append(want, engine.Group{{Value: *r.Values[0]}})
			}
		}
		require.Len(t, want, 7)
		for top := range 9 {
			for _, e := range d.all() {
				if e.Name() == clickhouse.Name && top%4 != 1 {
					continue // each takes it some ten milliseconds
				}
				ranked, err := e.Rank(t.Context(), engine.Rank{
					Scope: engine.Scope{Zone: zone}, Range: engine.Range{From: 20301, To: 20301}, Series: series,
					Breakdown: []syntax.Breakdown{{Field: key}}, Measure: m, Top: top,
				})
				if e.Name() == clickhouse.Name && errors.Is(err, engine.ErrUnsupported) {
					continue
				}
				require.NoError(t, err)
				require.Equal(t, top < len(want), ranked.More)
				require.Equal(t, want[:min(top, len(want))], append([]engine.Group{}, ranked.Groups...), "%s %d from %s", name, top, e.Name())
			}
		}
	}
	for _, name := range []string{syntax.Users, syntax.Events, syntax.PerUser, syntax.Sum, syntax.Avg, syntax.Min, syntax.Median, syntax.Distinct} {
		test(name, "1", "x")
		test(name, "x", "y")
	}
}
