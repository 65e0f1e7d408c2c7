package stats

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/platform/problem"
	"eventanalytics/pkg/platform/server"
	"eventanalytics/services/stats/metric"
)

// params are the parameters of one route, as read from the query or from JSON.
type params interface {
	// question checks the parameters and puts the defaults in.
	question(now time.Time) (metric.Query, Resolved, error)
	answering() *Answering
}

// Resolved are the parameters an answer was computed with, defaults included.
type Resolved struct {
	EventID            string   `json:"event_id,omitempty" format:"uuid"`
	From               string   `json:"from,omitempty" format:"date"`
	To                 string   `json:"to,omitempty" format:"date"`
	StartDate          string   `json:"start_date,omitempty" format:"date"`
	EndDate            string   `json:"end_date,omitempty" format:"date"`
	Granularity        string   `json:"granularity,omitempty"`
	Windows            int      `json:"windows,omitempty"`
	Cohort             string   `json:"cohort,omitempty"`
	EventType          string   `json:"event_type,omitempty"`
	ReturningEventType string   `json:"returning_event_type,omitempty"`
	Interval           string   `json:"interval,omitempty"`
	By                 string   `json:"by,omitempty"`
	Window             int      `json:"window,omitempty"`
	Limit              int      `json:"limit,omitempty"`
	Include            string   `json:"include,omitempty"`
	Timezone           string   `json:"timezone"`
	Fill               string   `json:"fill,omitempty"`
	Segment            []string `json:"segment,omitempty" nullable:"false"`
}

// Answering are the parameters that say how and from what to answer.
type Answering struct {
	Timezone    string `query:"timezone" json:"timezone,omitempty" default:"UTC" minLength:"1" doc:"IANA time zone in which days, weeks, months and hours are cut" example:"Europe/Kyiv"`
	Format      string `query:"format" json:"format,omitempty" enum:"json,csv,ndjson,parquet" doc:"Format of the answer; without it the Accept header decides, JSON by default"`
	MinPosition string `query:"min_position" json:"min_position,omitempty" minLength:"1" doc:"Answer only from data that include this position: that of an upload, or of an earlier answer"`
	Wait        string `query:"wait" json:"wait,omitempty" default:"5s" minLength:"1" doc:"How long to wait for min_position, at most 30s" example:"5s"`

	accept, ifNoneMatch string
	caching             caching
}

func (a *Answering) answering() *Answering { return a }

// Resolve reads what is not a parameter, and refuses what huma lets pass.
func (a *Answering) Resolve(ctx huma.Context) []error {
	a.accept, a.ifNoneMatch = ctx.Header("Accept"), ctx.Header("If-None-Match")
	a.caching = requested(ctx.Header("Cache-Control"))
	if p := server.CheckQuery(ctx, "segment"); p != nil {
		return []error{p}
	}
	return nil
}

func invalid(name, message string) *problem.Error {
	return problem.Invalid("invalid-parameter", name, message)
}

func (a *Answering) zone(r *Resolved) (*calendar.Zone, error) {
	zone, err := calendar.Load(a.Timezone)
	if err != nil {
		return nil, invalid("timezone", fmt.Sprintf("%q is not an IANA time zone", a.Timezone))
	}
	r.Timezone = a.Timezone
	return zone, nil
}

// Common are the parameters that most routes share.
type Common struct {
	Answering
	Segment     []string `query:"segment,explode" json:"-" maxItems:"50" nullable:"false" doc:"Condition on events; it may be repeated, and all must hold: event_type:purchase, user_id=42, properties.country=UA, also != > >= < <= ~ (contains), properties.country:in(UA,PL), properties.coupon:exists; a dot leads into objects, a backslash takes the meaning from the character after it"`
	JSONSegment Segments `json:"segment,omitempty"`
	Fill        string   `query:"fill" json:"fill,omitempty" enum:"zero" doc:"zero: with rows for empty buckets"`
}

// maxSegments is how many conditions a question may have.
const maxSegments = 50

// Segments are conditions in JSON: one, or an array of them.
type Segments []string

// UnmarshalJSON reads a string or an array of strings.
func (s *Segments) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*s = Segments{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(s))
}

// Schema describes both forms.
func (Segments) Schema(huma.Registry) *huma.Schema {
	most := maxSegments
	one := &huma.Schema{Type: huma.TypeString}
	return &huma.Schema{
		Description: "Condition on events, or an array of conditions that must all hold; see the parameter segment of GET",
		OneOf:       []*huma.Schema{one, {Type: huma.TypeArray, Items: one, MaxItems: &most}},
	}
}

func (c *Common) scope(r *Resolved) (metric.Scope, error) {
	zone, err := c.zone(r)
	if err != nil {
		return metric.Scope{}, err
	}
	scope := metric.Scope{Zone: zone}
	r.Fill = c.Fill
	r.Segment = append(c.Segment, c.JSONSegment...)
	if len(r.Segment) > maxSegments {
		return scope, invalid("segment", fmt.Sprintf("is given %d times, at most %d are allowed", len(r.Segment), maxSegments))
	}
	for _, text := range r.Segment {
		f, err := metric.ParseFilter(text)
		if err != nil {
			return scope, invalid("segment", fmt.Sprintf("%q %s", shorten(text), err))
		}
		scope.Filters = append(scope.Filters, f)
	}
	return scope, nil
}

// shorten keeps messages readable.
func shorten(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}

// Days are the parameters of a range of days.
type Days struct {
	From     string `query:"from" json:"from,omitempty" format:"date" minLength:"1" doc:"First day; required" example:"2025-08-01"`
	FromDate string `query:"from_date" json:"from_date,omitempty" format:"date" minLength:"1" doc:"Another name of from; only one of them may be given"`
	To       string `query:"to" json:"to,omitempty" format:"date" minLength:"1" doc:"Last day, inclusive; required; at most 3,660 days" example:"2025-08-31"`
	ToDate   string `query:"to_date" json:"to_date,omitempty" format:"date" minLength:"1" doc:"Another name of to; only one of them may be given"`
}

func (d *Days) days(r *Resolved) (metric.Range, error) {
	from, err := alias("from", d.From, "from_date", d.FromDate)
	if err != nil {
		return metric.Range{}, err
	}
	to, err := alias("to", d.To, "to_date", d.ToDate)
	if err != nil {
		return metric.Range{}, err
	}
	days, err := dayRange(from, to)
	r.From, r.To = days.From.String(), days.To.String()
	return days, err
}

// named is a parameter under the name it was given by.
type named struct{ name, value string }

// alias returns the parameter under whichever of its names it was given.
func alias(name, value, other, otherValue string) (named, error) {
	switch {
	case value != "" && otherValue != "":
		return named{}, invalid(other, "is another name of "+name+", only one of them may be given")
	case otherValue != "":
		return named{other, otherValue}, nil
	case value == "":
		return named{}, invalid(name, "is required")
	}
	return named{name, value}, nil
}

// maxDays is the longest range.
const maxDays = 3660

func dayRange(from, to named) (metric.Range, error) {
	first, err := calendar.ParseDate(from.value)
	if err != nil {
		return metric.Range{}, invalid(from.name, err.Error())
	}
	last, err := calendar.ParseDate(to.value)
	if err != nil {
		return metric.Range{}, invalid(to.name, err.Error())
	}
	if first > last {
		return metric.Range{}, invalid(from.name, fmt.Sprintf("%s is after %s, %s", first, to.name, last))
	}
	if n := last - first + 1; n > maxDays {
		return metric.Range{}, invalid(to.name, fmt.Sprintf("the range has %d days, at most %d are allowed", n, maxDays))
	}
	return metric.Range{From: first, To: last}, nil
}

func parseID(s string) (uuid.UUID, error) {
	id, err := uuid.Parse(s)
	if err != nil || len(s) != 36 {
		return id, invalid("event_id", "is not a UUID of 36 characters")
	}
	return id, nil
}
