package question

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"eventanalytics/pkg/decimal"
	"eventanalytics/pkg/syntax"
	"eventanalytics/services/stats/engine"
)

var funnels = define[FunnelsParams, Funnels](Info{
	Name: "funnels", Path: "/api/stats/funnels", Summary: "How many users get from step to step",
	Description: "An attempt begins with each event of the range that fits the first step, and reaches a step with an event of its own at the same instant or later, up to the window after the first. " +
		"Users count once, with an interval once a bucket, by the attempt that got furthest, of several by the earliest. " +
		"There is a row for each step where anybody began; fill=zero adds the others. A breakdown adds a column for each field, named like it, and the column group.",
	Shorten: "to", ShortenBy: "ask for a shorter range, a longer interval or a smaller top",
	Rows: []Row{
		{"FunnelsRow", Funnels{Interval: Whole}.Columns()},
		{"FunnelsBucketRow", Funnels{}.Columns()},
		{"FunnelsTimesRow", Funnels{View: viewTimes}.Columns()},
		{"FunnelsGroupRow", append(Funnels{Interval: Whole}.Columns(), groupColumn)},
		{"FunnelsBucketGroupRow", append(Funnels{}.Columns(), groupColumn)},
		{"FunnelsTimesGroupRow", append(Funnels{View: viewTimes}.Columns(), groupColumn)},
	},
})

// FunnelsParams are the parameters of funnels.
type FunnelsParams struct {
	DayParams
	Steps       []string    `query:"steps,explode" json:"-" nullable:"false" doc:"Steps, in their order: each an event type, * for all, or JSON with event, filter, first and name; 2 to 20"`
	JSONSteps   StepsJSON   `json:"steps,omitempty"`
	Window      string      `query:"window" json:"window,omitempty" default:"7d" minLength:"1" doc:"Longest time from the first step to the last, at most 366d; steps may lie behind to" example:"3d"`
	Order       string      `query:"order" json:"order,omitempty" default:"ordered" enum:"ordered,any,strict" doc:"ordered: step after step; strict: with no other event that filter holds for at a time between; any: step k is that k of the steps have happened, whichever"`
	Exclude     []string    `query:"exclude,explode" json:"-" nullable:"false" doc:"Events that make an attempt void between two steps: an event type, or JSON with event, filter, after (a step, default 1) and before (default the last step); at most 20"`
	JSONExclude ExcludeJSON `json:"exclude,omitempty"`
	Interval    string      `query:"interval" json:"interval,omitempty" enum:"minute,hour,day,week,month,quarter,year,all" doc:"Length of the buckets in which attempts begin; default all: one for the whole range. Not with view=times"`
	WeekParams
	View            string          `query:"view" json:"view,omitempty" default:"steps" enum:"steps,times" doc:"steps: users of each step; times: how long those took who reached the last"`
	Bins            []string        `query:"bins,explode" json:"-" maxItems:"100" nullable:"false" doc:"With view=times the edges of its bins in seconds, ascending, as in [0,60,3600]; default 0, 1, 5, 15 minutes, 1, 3, 12 hours, 1, 3, 7 and 30 days, up to the window"`
	JSONBins        BinsJSON        `json:"bins,omitempty"`
	Attribution     string          `query:"attribution" json:"-" default:"first" minLength:"1" doc:"With a breakdown the step whose event sorts a user: first, last (reached), or its number" example:"last"`
	JSONAttribution AttributionJSON `json:"attribution,omitempty"`
	Unit            string          `query:"unit" json:"unit,omitempty" default:"user_id" minLength:"1" doc:"Field whose values are counted as users: properties.order_id asks about steps within one order"`
	SplitParams
	FilterParams
}

// Question resolves the parameters.
func (p *FunnelsParams) Question(now time.Time) (Question, error) {
	q := Funnels{Order: p.Order, View: p.View}
	var err error
	if q.Days, q.Scope, err = parseRange(&p.DayParams, &p.FilterParams, now); err != nil {
		return nil, err
	}
	if err := p.cut(&q); err != nil {
		return nil, err
	}
	if q.Unit, err = one("unit", p.Unit, syntax.ParseField); err != nil {
		return nil, err
	}
	if len(p.Steps) == 0 && len(p.JSONSteps.RawJSON) == 0 {
		return nil, invalid("steps", "is required")
	}
	if q.Steps, err = forms("steps", p.Steps, p.JSONSteps.RawJSON, syntax.ParseSteps, syntax.ParseStepsJSON); err != nil {
		return nil, err
	}
	if err := p.exclude(&q); err != nil {
		return nil, err
	}
	window, err := one("window", p.Window, func(text string) (time.Duration, error) {
		return syntax.ParseDuration(text, time.Second, syntax.MaxWindow)
	})
	if err != nil {
		return nil, err
	}
	q.Window = Duration(window)
	if err := p.bins(&q); err != nil {
		return nil, err
	}
	if q.Split, err = p.split(); err != nil {
		return nil, err
	}
	return q, p.attribution(&q)
}

// cut reads how the range is cut.
func (p *FunnelsParams) cut(q *Funnels) error {
	if q.View != viewTimes {
		of := p.interval(cmp.Or(p.Interval, Whole), p.WeekStart)
		q.Interval, q.WeekStart = of.Interval, of.WeekStart
		return of.bound(q.Days)
	}
	if p.Interval != "" {
		return invalid("interval", "cannot be with view=times, which has no buckets")
	}
	return nil
}

// exclude reads the exclusions, and bounds what all filters come to.
func (p *FunnelsParams) exclude(q *Funnels) (err error) {
	n := len(q.Steps)
	parse := func(texts []string) ([]syntax.Exclusion, error) { return syntax.ParseExclusions(texts, n) }
	parseJSON := func(data []byte) ([]syntax.Exclusion, error) { return syntax.ParseExclusionsJSON(data, n) }
	if q.Exclude, err = forms("exclude", p.Exclude, p.JSONExclude.RawJSON, parse, parseJSON); err != nil {
		return err
	}
	if len(q.Exclude) > 0 && q.Order == string(engine.AnyOrder) {
		return invalid("exclude", "cannot be with order=any, where no step is before another")
	}
	filters := append(holding(q.Segment), q.Filter)
	for _, s := range q.Steps {
		filters = append(filters, s.Filter)
	}
	if err := syntax.Bound(filters...); err != nil {
		return at("steps", err)
	}
	for _, x := range q.Exclude {
		filters = append(filters, x.Filter)
	}
	if err := syntax.Bound(filters...); err != nil {
		return at("exclude", err)
	}
	return nil
}

// someBins are the edges of times unless others are asked for, in seconds.
var someBins = []int64{0, 60, 300, 900, 3600, 10800, 43200, 86400, 259200, 604800, 2592000}

func (p *FunnelsParams) bins(q *Funnels) error {
	given := len(p.Bins) > 0 || len(p.JSONBins.RawJSON) > 0
	switch {
	case given && q.View != viewTimes:
		return invalid("bins", "needs view=times")
	case given:
		edges, err := forms("bins", p.Bins, p.JSONBins.RawJSON, syntax.ParseSeconds, syntax.ParseSecondsJSON)
		q.Bins = edges
		return err
	case q.View == viewTimes:
		window := int64(time.Duration(q.Window) / time.Second)
		for _, edge := range append(slices.Clone(someBins), window) {
			if edge < window {
				q.Bins = append(q.Bins, decimal.OfInteger(edge))
			}
		}
		q.Bins = append(q.Bins, decimal.OfInteger(window))
	}
	return nil
}

// Attribution is the step whose event sorts users: its number, or lastReached. 0 is none.
type Attribution int

const lastReached Attribution = -1

// MarshalJSON writes first, last, or the number.
func (a Attribution) MarshalJSON() ([]byte, error) {
	switch a {
	case 1:
		return json.Marshal("first")
	case lastReached:
		return json.Marshal("last")
	}
	return json.Marshal(int(a))
}

func (p *FunnelsParams) attribution(q *Funnels) error {
	text := cmp.Or(p.Attribution, "first")
	if data := p.JSONAttribution.RawJSON; len(data) > 0 {
		text = string(data)
		if data[0] == '"' {
			_ = json.Unmarshal(data, &text) // it is valid
		}
	}
	n, err := strconv.Atoi(text)
	of := Attribution(n)
	switch {
	case text == "first":
		of = 1
	case text == "last":
		of = lastReached
	case err != nil || n < 1 || n > len(q.Steps):
		return invalid("attribution", "%q is not first, last, or the number of a step from 1 to %d", shorten(text), len(q.Steps))
	}
	if len(q.Breakdown) > 0 {
		q.Attribution = of
	}
	return nil
}

// scan is what the question asks an engine.
func (q Funnels) scan() engine.Funnel {
	unit := q.Unit
	if unit.Source == syntax.UserID {
		unit = syntax.Field{}
	}
	f := engine.Funnel{
		Scope: q.events(), Range: q.dates(), Unit: unit, Steps: q.Steps, Exclude: q.Exclude, Window: time.Duration(q.Window), Order: engine.Order(q.Order),
		Interval: q.interval().unit(), Breakdown: q.Breakdown, Attribution: int(q.Attribution), Top: q.Top, Whole: q.View == viewTimes,
	}
	if q.Attribution == lastReached {
		f.Attribution = engine.LastStep
	}
	return f
}
