package question

import (
	"time"

	"eventanalytics/pkg/syntax"
)

var paths = define[PathsParams, Paths](Info{
	Name: "paths", Path: "/api/stats/paths", Summary: "Where users go",
	Description: "A path begins with the first event that passes the filter in each session that begins in the range; with start with each fitting event in the range that is not on a path begun before. It goes through the user's events that pass, to the end of the session or within a duration. " +
		"It ends with its last node, of so many steps, or with the first event that fits end; paths without one are then not counted. At each step the top nodes stay and the others are one, so that what comes into a node goes out of it or ends.",
	Shorten: "to", ShortenBy: "ask for a shorter range, fewer steps, or a node with fewer values",
	Rows: []Row{{"PathsRow", Paths{}.Columns()}},
})

// PathsParams are the parameters of paths.
type PathsParams struct {
	DayParams
	Node      string       `query:"node" json:"node,omitempty" default:"event_type" minLength:"1" doc:"Field whose values are the nodes; events without it are at the node null"`
	Steps     int          `query:"steps" json:"steps,omitempty" default:"5" minimum:"2" maximum:"20" doc:"Maximum number of nodes on a path"`
	Start     string       `query:"start" json:"-" minLength:"1" doc:"Events that paths begin with: an event type, * for all, or JSON with event, filter and first; without it the first event of each session"`
	JSONStart EndpointJSON `json:"start,omitempty"`
	End       string       `query:"end" json:"-" minLength:"1" doc:"Events that paths end with, as start; paths that reach none are not counted"`
	JSONEnd   EndpointJSON `json:"end,omitempty"`
	Within    string       `query:"within" json:"within,omitempty" default:"session" minLength:"1" doc:"How far paths go: session, to its end; or a duration after their first event, at most 366d" example:"session"`
	GapParams
	UnitParams
	Top     int  `query:"top" json:"top,omitempty" default:"10" minimum:"1" maximum:"100" doc:"Nodes told apart at each step"`
	Repeats bool `query:"repeats" json:"repeats,omitempty" doc:"Neighbours with the same node are several; otherwise they are one"`
	FilterParams
}

const (
	withinSession = "session"
	maxWithin     = 366 * 24 * time.Hour
)

// Question resolves the parameters.
func (p *PathsParams) Question(now time.Time) (Question, error) {
	q := Paths{Steps: p.Steps, Within: p.Within, Top: p.Top, Repeats: p.Repeats}
	var err error
	if q.Days, q.Scope, err = parseRange(&p.DayParams, &p.FilterParams, now); err != nil {
		return nil, err
	}
	if q.Node, err = one("node", p.Node, syntax.ParseField); err != nil {
		return nil, err
	}
	if q.Start, err = optionalSeries("start", p.Start, p.JSONStart.RawJSON); err != nil {
		return nil, err
	}
	if q.End, err = optionalSeries("end", p.End, p.JSONEnd.RawJSON); err != nil {
		return nil, err
	}
	filters := append(holding(q.Segment), q.Filter)
	for _, s := range []*syntax.Series{q.Start, q.End} {
		if s != nil {
			filters = append(filters, s.Filter)
		}
	}
	if err := syntax.Bound(filters...); err != nil {
		return nil, at("filter", err)
	}
	if q.Within != withinSession {
		within, err := one("within", p.Within, func(text string) (time.Duration, error) { return syntax.ParseDuration(text, time.Second, maxWithin) })
		if err != nil {
			return nil, invalid("within", "%q is neither session nor a duration from 1s to %s, such as 7d, 12h, 30min or 90s", shorten(p.Within), syntax.FormatDuration(maxWithin))
		}
		q.Within = syntax.FormatDuration(within)
	}
	if q.Unit, err = p.unit(); err != nil {
		return nil, err
	}
	q.Gap, err = p.gap()
	return q, err
}

// optionalSeries reads a series of which nothing is measured, or none.
func optionalSeries(name, query string, body RawJSON) (*syntax.Series, error) {
	var texts []string
	if query != "" {
		texts = []string{query}
	}
	if texts == nil && len(body) == 0 {
		return nil, nil
	}
	if string(body) == "[]" {
		return nil, invalid(name, "has no series")
	}
	s, err := eventsOf(name, texts, body)
	if err != nil {
		return nil, err
	}
	return &s, nil
}
