package question

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/platform/server"
	"eventanalytics/pkg/syntax"
	"eventanalytics/services/stats/engine"
)

// ParamError says what is wrong with a parameter.
type ParamError struct{ Name, Message string }

func (e *ParamError) Error() string { return e.Name + ": " + e.Message }

func invalid(name, format string, args ...any) *ParamError {
	return &ParamError{name, fmt.Sprintf(format, args...)}
}

// OutputParams are the parameters that say how and from what to answer.
type OutputParams struct {
	Timezone    string `query:"timezone" json:"timezone,omitempty" default:"UTC" minLength:"1" doc:"IANA time zone in which days, weeks, months and hours are cut" example:"Europe/Kyiv"`
	Format      string `query:"format" json:"format,omitempty" enum:"json,csv,ndjson,parquet" doc:"Format of the answer; without it the Accept header decides, JSON by default"`
	CSVText     string `query:"csv_text" json:"csv_text,omitempty" enum:"safe,raw" doc:"Texts in CSV: safe, the default, puts an apostrophe before those that a spreadsheet would run as a formula, because they begin with = + - @, a tab or a line end; raw leaves them as they are. Numbers are never changed"`
	MinPosition string `query:"min_position" json:"min_position,omitempty" minLength:"1" doc:"Answer only from data that include this position: that of an upload, or of an earlier answer"`
	Wait        string `query:"wait" json:"wait,omitempty" default:"5s" minLength:"1" doc:"How long to wait for min_position, at most 30s" example:"5s"`

	headers Headers
}

// Headers are what a request says of its answer beside its parameters.
type Headers struct{ Accept, IfNoneMatch, CacheControl string }

// Output returns p.
func (p *OutputParams) Output() *OutputParams { return p }

// Headers returns the request's.
func (p *OutputParams) Headers() Headers { return p.headers }

// Resolve reads what is not a parameter, and refuses what huma lets pass.
func (p *OutputParams) Resolve(ctx huma.Context) []error {
	p.headers = Headers{ctx.Header("Accept"), ctx.Header("If-None-Match"), ctx.Header("Cache-Control")}
	if p := server.CheckQuery(ctx, "segment", "series"); p != nil {
		return []error{p}
	}
	return nil
}

func (p *OutputParams) zone() (*calendar.Zone, error) {
	zone, err := calendar.Load(p.Timezone)
	if err != nil {
		return nil, invalid("timezone", "%q is not an IANA time zone", p.Timezone)
	}
	return zone, nil
}

// FilterParams are the parameters of questions about many events.
type FilterParams struct {
	OutputParams
	Segment     []string `query:"segment,explode" json:"-" maxItems:"50" nullable:"false" doc:"Condition on events; it may be repeated, and all must hold: event_type:purchase, user_id=42, properties.country=UA, also != > >= < <= ~ (contains), properties.country:in(UA,PL), properties.coupon:exists, properties.coupon:missing; a dot leads into objects, a number into arrays, a backslash makes the character after it an ordinary one, \"\" is the empty key. An order with a number holds for JSON numbers alone, exactly; with another value for JSON strings alone, by code points. = != and in compare texts, that of a number in canonical form: 10 is 10.0 and 1e1. A missing property fails every condition but missing. Spaces around operators, commas and parentheses mean nothing; the conditions have at most 1,000 values and 32 KiB of keys and values together"`
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
	maximum := maxSegments
	one := &huma.Schema{Type: huma.TypeString}
	return &huma.Schema{
		Description: "Condition on events, or an array of conditions that must all hold; see the parameter segment of GET",
		OneOf:       []*huma.Schema{one, {Type: huma.TypeArray, Items: one, MaxItems: &maximum}},
	}
}

// Scope is what a question about many events is asked with.
type Scope struct {
	Timezone *calendar.Zone     `json:"timezone" nullable:"false"`
	Fill     string             `json:"fill,omitempty"` // zero: with rows for empty buckets
	Segment  []syntax.Condition `json:"segment,omitempty" nullable:"false"`
}

func (s Scope) events() engine.Scope {
	conditions := make([]syntax.Filter, len(s.Segment))
	for i, c := range s.Segment {
		conditions[i] = syntax.Filter{Form: syntax.Holds, Condition: c}
	}
	return engine.Scope{Zone: s.Timezone, Filter: syntax.And(conditions...)}
}

func (p *FilterParams) scope() (s Scope, err error) {
	if s.Timezone, err = p.zone(); err != nil {
		return s, err
	}
	s.Fill = p.Fill
	texts := append(p.Segment, p.JSONSegment...)
	if len(texts) > maxSegments {
		return s, invalid("segment", "is given %d times, at most %d are allowed", len(texts), maxSegments)
	}
	for _, text := range texts {
		f, err := syntax.ParseSegment(text)
		if err != nil {
			return s, invalid("segment", "%q %s", shorten(text), err)
		}
		s.Segment = append(s.Segment, f)
	}
	return s, boundValues(s.Segment)
}

// What the values of all conditions may come to, together. Each becomes a constant
// of a query, which takes DuckDB time to plan that nothing can interrupt.
const (
	maxValues     = 1_000
	maxValueBytes = 32 << 10
)

func boundValues(conditions []syntax.Condition) error {
	values, bytes := 0, 0
	for _, f := range conditions {
		values += len(f.Values)
		for _, text := range slices.Concat(f.Field.Keys, f.Values) {
			bytes += len(text)
		}
	}
	switch {
	case values > maxValues:
		return invalid("segment", "the conditions have %d values together, at most %d are allowed", values, maxValues)
	case bytes > maxValueBytes:
		return invalid("segment", "the conditions' keys and values have %d bytes together, at most %d are allowed", bytes, maxValueBytes)
	}
	return nil
}

// shorten keeps messages readable.
func shorten(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}
