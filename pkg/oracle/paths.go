package oracle

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Paths asks where users go.
type Paths struct {
	Scope
	Node       Field
	Steps      int
	Start, End *Series       // nil: paths begin with sessions, and end where they may
	Within     time.Duration // of a path's first event; 0: the session
	Gap        time.Duration
	Top        int
	Repeats    bool // neighbours with the same node are several
}

// PathRow is a row of "paths"; nil is null.
type PathRow struct {
	Step         int
	Source       *string
	SourceGroup  string
	Target       *string
	TargetGroup  string
	Paths, Users int
}

// Path is one that a unit takes.
type Path struct {
	Unit  string
	Nodes []*string // nil: the value is missing
}

// All returns the paths that count.
func (q Paths) All(events []Event) (paths []Path) {
	k := knownIn(events, q.From, q.To, q.Zone)
	sessions := q.sessions(k, events, q.Gap)
	k.sessions = ofEvents(sessions)
	starts, ends := q.ids(k, events, q.Start), q.ids(k, events, q.End)
	passing := map[string][]Event{}
	passes := map[string]bool{}
	for _, e := range q.fitting(k, events, Series{}) {
		passing[e.unit], passes[e.ID] = append(passing[e.unit], e.Event), true
	}
	take := func(unit string, first Event) (on []Event) {
		path, on := Path{Unit: unit}, nil
		ended := false
		for _, e := range passing[unit] {
			if inOrder(e, first) < 0 || ended || len(path.Nodes) == q.Steps || !q.reaches(k, first, e) {
				continue
			}
			on = append(on, e)
			ended = q.End != nil && e.ID != first.ID && ends[e.ID]
			node := Breakdown{Field: q.Node}.value(k, e)
			if n := len(path.Nodes); q.Repeats || n == 0 || compareValues([]*string{node}, path.Nodes[n-1:]) != 0 {
				path.Nodes = append(path.Nodes, node)
			}
		}
		if q.End == nil || ended {
			paths = append(paths, path)
		}
		return on
	}
	if q.Start == nil {
		for _, s := range sessions {
			first := slices.IndexFunc(s.events, func(e Event) bool { return passes[e.ID] })
			if q.contains(s.events[0].At) && first >= 0 {
				take(s.unit, s.events[first])
			}
		}
		return paths
	}
	for unit, of := range passing {
		on := map[string]bool{}
		for _, e := range of {
			if starts[e.ID] && q.contains(e.At) && !on[e.ID] {
				for _, later := range take(unit, e) {
					on[later.ID] = true
				}
			}
		}
	}
	return paths
}

// ids are those of the events that fit a series.
func (q Paths) ids(k known, events []Event, s *Series) map[string]bool {
	ids := map[string]bool{}
	if s != nil {
		for _, e := range q.fitting(k, events, *s) {
			ids[e.ID] = true
		}
	}
	return ids
}

// reaches says whether a path that begins with an event goes as far as a later one.
func (q Paths) reaches(k known, first, later Event) bool {
	if q.Within > 0 {
		return later.At.Sub(first.At) <= q.Within
	}
	return slices.ContainsFunc(k.sessions[first.ID], func(e Event) bool { return e.ID == later.ID })
}

// Rows computes the rows by step, paths, source and target.
func (q Paths) Rows(events []Event) []PathRow {
	paths := q.All(events)
	rows := map[string]*PathRow{}
	users := map[string]map[string]bool{}
	labels := map[int]func(node *string) (*string, string){}
	for step := 1; step <= q.Steps; step++ {
		labels[step] = q.label(paths, step)
	}
	for _, p := range paths {
		for step := 1; step <= len(p.Nodes) && step < q.Steps; step++ {
			row := PathRow{Step: step, TargetGroup: "end"}
			row.Source, row.SourceGroup = labels[step](p.Nodes[step-1])
			if step < len(p.Nodes) {
				row.Target, row.TargetGroup = labels[step+1](p.Nodes[step])
			}
			key := fmt.Sprint(step, row.SourceGroup, row.TargetGroup, combination([]*string{row.Source, row.Target}))
			if rows[key] == nil {
				rows[key], users[key] = &row, map[string]bool{}
			}
			rows[key].Paths++
			users[key][p.Unit] = true
			rows[key].Users = len(users[key])
		}
	}
	sorted := []PathRow{}
	for _, row := range rows {
		sorted = append(sorted, *row)
	}
	places := map[string]int{"value": 0, "other": 1, "end": 2}
	slices.SortFunc(sorted, func(a, b PathRow) int {
		return cmp.Or(a.Step-b.Step, b.Paths-a.Paths,
			places[a.SourceGroup]-places[b.SourceGroup], compareValues([]*string{a.Source}, []*string{b.Source}),
			places[a.TargetGroup]-places[b.TargetGroup], compareValues([]*string{a.Target}, []*string{b.Target}))
	})
	return sorted
}

// label returns what a node is called at a position: itself if it is one of those that
// most paths have there, else other.
func (q Paths) label(paths []Path, step int) func(node *string) (*string, string) {
	counts := map[string]int{}
	nodes := map[string]*string{}
	key := func(node *string) string { return combination([]*string{node}) }
	for _, p := range paths {
		if step <= len(p.Nodes) {
			node := p.Nodes[step-1]
			counts[key(node)]++
			nodes[key(node)] = node
		}
	}
	order := slices.SortedFunc(maps.Keys(nodes), func(a, b string) int {
		return cmp.Or(counts[b]-counts[a], compareValues([]*string{nodes[a]}, []*string{nodes[b]}))
	})
	top := order[:min(q.Top, len(order))]
	return func(node *string) (*string, string) {
		if slices.Contains(top, key(node)) {
			return node, "value"
		}
		return nil, "other"
	}
}

// Cells are the values of a row as the columns of the question have them.
func (q Paths) Cells(r PathRow) []any {
	return []any{r.Step, orNull(r.Source), r.SourceGroup, orNull(r.Target), r.TargetGroup, r.Paths, r.Users}
}
