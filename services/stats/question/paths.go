package question

import (
	"context"
	"time"

	"eventanalytics/pkg/syntax"
	"eventanalytics/services/stats/engine"
)

// Paths asks from which node to which users go at each step of their paths.
type Paths struct {
	Days
	Node    syntax.Field   `json:"node"`
	Steps   int            `json:"steps"`
	Start   *syntax.Series `json:"start,omitempty"` // events that paths begin with; nil: the first of each session
	End     *syntax.Series `json:"end,omitempty"`   // events that paths end with; nil: the last
	Within  string         `json:"within"`          // session, or a duration from a path's first event
	Gap     Duration       `json:"gap"`             // longest time from an event of a session to the next
	Unit    syntax.Field   `json:"unit"`            // what takes paths
	Top     int            `json:"top"`             // nodes told apart at each step
	Repeats bool           `json:"repeats"`         // neighbours with the same node are several
	Scope
}

// Columns returns those of a row for each link.
func (Paths) Columns() []Column {
	const group = "value: one node, where null means that the field is missing; other: any behind the first ones"
	return []Column{
		{Name: "step", Kind: Integer, Doc: "Position of the source on the path, from 1"},
		{Name: "source", Nullable: true, Doc: "Node at the step"},
		{Name: "source_group", Doc: group},
		{Name: "target", Nullable: true, Doc: "Node at the next step"},
		{Name: "target_group", Doc: group + "; end: the path ended at the source"},
		{Name: "paths", Kind: Integer, Doc: "Paths that go from the source to the target"},
		{Name: "users", Kind: Integer, Doc: "Distinct users who take them"},
	}
}

// groupOfPlace are the names of the places of a path.
var groupOfPlace = [...]Value{engine.AtNode: TextOf("value"), engine.Others: TextOf("other"), engine.Ended: TextOf("end")}

// Answer returns the rows by step, paths, source and target.
func (q Paths) Answer(ctx context.Context, src *engine.Source) (*Table, error) {
	links, err := src.Paths(ctx, engine.Paths{
		Scope: q.events(), Range: q.dates(), Unit: unitOf(q.Unit), Node: q.Node, Steps: q.Steps, Start: seriesOrNone(q.Start), End: seriesOrNone(q.End),
		Within: q.within(), Gap: time.Duration(q.Gap), Top: q.Top, Repeats: q.Repeats,
	})
	if err != nil {
		return nil, err
	}
	rows := NewTable(ctx, q.Columns(), len(links))
	for _, link := range links {
		source, target := nodeValue(link.Source), nodeValue(link.Target)
		if err := rows.Add(
			IntegerOf(int64(link.Step)), source, groupOfPlace[link.Source.Place], target, groupOfPlace[link.Target.Place],
			IntegerOf(link.Paths), IntegerOf(link.Users),
		); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

func nodeValue(n engine.PathNode) Value {
	if n.Missing {
		return NullText
	}
	return TextOf(n.Value)
}

func seriesOrNone(s *syntax.Series) *engine.Series {
	if s == nil {
		return nil
	}
	of := seriesOf(*s, syntax.Field{})
	return &of
}

// within is how long after their first event paths go on; 0: to the end of the session.
func (q Paths) within() time.Duration {
	if q.Within == withinSession {
		return 0
	}
	d, err := syntax.ParseDuration(q.Within, time.Second, maxWithin)
	if err != nil {
		panic(err) // it was read before
	}
	return d
}
