package question_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/RoaringBitmap/roaring/v2"

	"eventanalytics/pkg/oracle"
	"eventanalytics/pkg/syntax"
	"eventanalytics/services/stats/engine"
)

// did makes a filter on what users did, whose series has a filter of so many levels at
// most.
func (g generator) did(depth int) (any, oracle.Filter) {
	g.inSessions = false
	b, s := body{}, oracle.Series{}
	switch g.IntN(4) {
	case 0, 1:
		s.Types = []string{pick(g, someTypes)}
		b["event"] = s.Types[0]
	case 2:
		s.Types = []string{pick(g, someTypes), pick(g, someTypes)}
		b["event"] = s.Types
	}
	if g.maybe(3) {
		b["filter"], s.Filter = g.tree(depth)
	}
	if g.maybe(5) {
		b["first"], s.First = true, true
	}
	text, d := body{"did": g.plain(b)}, oracle.Did{Series: s, Op: ">=", Times: 1}
	if g.maybe(2) {
		d.Times = pick(g, []int{0, 1, 2, 2, 3, 5})
		text["times"] = d.Times
		if g.maybe(2) {
			d.Op = pick(g, []string{"=", "!=", ">", ">=", "<", "<="})
			text["times"] = d.Op + strconv.Itoa(d.Times)
		}
	}
	if g.maybe(3) {
		last := pick(g, []string{"1d", "36h", "30min", "90s", "7d", "30d", "400d"})
		text["last"] = last
		var err error
		if d.Last, err = syntax.ParseDuration(last, time.Second, syntax.MaxLast); err != nil {
			panic(err)
		}
	}
	return text, d
}

// reached makes a filter on how far users got in a funnel, whose filters have so many levels
// at most.
func (g generator) reached(depth int) (any, oracle.Filter) {
	g.inSessions = false
	b, q := body{}, oracle.Funnel{Order: pick(g, []string{"ordered", "ordered", "strict", "any"}), Window: windows["7d"]}
	var steps []any
	for range pick(g, []int{2, 2, 2, 3}) { // the oracle tries every way through them
		step := oracle.Series{Types: []string{pick(g, someTypes)}}
		text := body{"event": step.Types[0]}
		if g.maybe(6) {
			text["filter"], step.Filter = g.tree(depth)
		}
		if g.maybe(8) {
			text["first"], step.First = true, true
		}
		steps, q.Steps = append(steps, g.plain(text)), append(q.Steps, step)
	}
	b["steps"] = steps
	if q.Order != "ordered" || g.maybe(2) {
		b["order"] = q.Order
	}
	if g.maybe(2) {
		window := pick(g, []string{"1s", "90s", "30min", "6h", "1d", "30d", "366d"})
		b["window"], q.Window = window, windows[window]
	}
	if q.Order != "any" && g.maybe(5) {
		q.Exclude = []oracle.Exclude{{Types: []string{pick(g, someTypes)}, After: 1, Before: len(q.Steps)}}
		b["exclude"] = q.Exclude[0].Types[0]
	}
	if g.maybe(5) {
		b["filter"], q.Filter = g.tree(depth)
	}
	text, r := body{"funnel": b}, &oracle.Reached{Funnel: q, Step: len(q.Steps)}
	if g.maybe(2) {
		r.Step = 1 + g.IntN(len(q.Steps))
		text["reached"] = r.Step
	}
	if g.maybe(3) {
		text["dropped"], r.Dropped = true, true
	}
	return text, r
}

// cohort is a named set of users, in JSON, for the engines and for the oracle.
type cohort struct {
	name   string
	oracle *oracle.Cohort
	engine engine.Cohort
}

// someCohorts makes cohorts by filters and a list; the later ones may name the earlier.
func (g generator) someCohorts(keys map[string]uint32, of linked) (all []cohort) {
	for i := range 4 {
		g.cohorts = all
		text, filter := g.ofUsers(3)
		all = append(all, cohort{fmt.Sprintf("filter-%d", i), &oracle.Cohort{Filter: filter}, engine.Cohort{Key: fmt.Sprintf("%d %s", i, jsonOf(text))}})
		all[i].engine.Filter = parsed(text)
	}
	list := []string{"nobody"}
	for _, user := range someUsers {
		if g.maybe(3) {
			list = append(list, user)
		}
	}
	users := func(context.Context) (*roaring.Bitmap, error) {
		set := roaring.New()
		for user, key := range keys {
			if slices.Contains(list, user) {
				set.Add(key)
			}
		}
		return of.Fold(set), nil
	}
	return append(all, cohort{"list", &oracle.Cohort{Users: list, Links: of.links}, engine.Cohort{Key: "list", Users: users}})
}

// ofUsers makes a filter whose conditions are all on users.
func (g generator) ofUsers(depth int) (any, oracle.Filter) {
	form := g.IntN(7)
	switch {
	case depth == 1 || form > 4:
		for {
			if text, c := g.condition(); slices.Contains([]string{"user", "first", "first_seen", "last_seen", "cohort"}, c.Field.Source) {
				return text, c
			}
		}
	case form > 2 && g.maybe(4):
		return g.reached(2)
	case form > 2:
		return g.did(2)
	case form == 0:
		text, f := g.ofUsers(depth - 1)
		return map[string]any{"not": text}, oracle.Not{Filter: f}
	}
	texts, filters := []any{}, []oracle.Filter{}
	for range pick(g, []int{1, 2, 2, 3}) {
		text, f := g.ofUsers(depth - 1)
		texts, filters = append(texts, text), append(filters, f)
	}
	if form == 1 {
		return map[string]any{"any": texts}, oracle.Any(filters)
	}
	return texts, oracle.All(filters)
}

func jsonOf(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func parsed(v any) syntax.Filter {
	f, err := syntax.ParseFilterJSON([]byte(jsonOf(v)))
	if err != nil {
		panic(err)
	}
	return f
}

// named are the cohorts by their names.
func (g generator) named() map[string]engine.Cohort {
	all := map[string]engine.Cohort{}
	for _, c := range g.cohorts {
		all[c.name] = c.engine
	}
	return all
}

// looksBack says whether a filter is about what users did lately, by itself or in a cohort.
func (g generator) looksBack(f syntax.Filter) bool {
	if f.Form == syntax.DidSo {
		return f.Did.Last > 0 || g.looksBack(f.Did.Series.Filter)
	}
	if f.Form == syntax.ReachedSo {
		return slices.ContainsFunc(f.Reached.Funnel.Filters(), g.looksBack)
	}
	if name := f.Condition.Field.Name; name != "" {
		return g.looksBack(g.named()[name].Filter)
	}
	return slices.ContainsFunc(f.Of, g.looksBack)
}
