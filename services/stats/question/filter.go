package question

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/danielgtaylor/huma/v2"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/syntax"
	"eventanalytics/services/stats/engine"
)

// FilterParams are the parameters of questions about many events.
type FilterParams struct {
	OutputParams
	Segment     []string `query:"segment,explode" json:"-" maxItems:"50" nullable:"false" doc:"Condition on events; it may be repeated, and all must hold: event_type:purchase, user_id=42, properties.country=UA, also != > >= < <= ~ (contains), properties.country:in(UA,PL), properties.coupon:exists, properties.coupon:missing; a dot leads into objects, a number into arrays, a backslash makes the character after it an ordinary one, \"\" is the empty key. An order with a number holds for JSON numbers alone, exactly; with another value for JSON strings alone, by code points. = != and in compare texts, that of a number in canonical form: 10 is 10.0 and 1e1. A missing property fails every condition but missing. Spaces around operators, commas and parentheses mean nothing; the conditions have at most 1,000 values and 32 KiB of keys and values together"`
	JSONSegment Segments `json:"segment,omitempty"`
	Filter      []string `query:"filter,explode" json:"-" maxItems:"100" nullable:"false" doc:"Filter on events; it may be repeated, and all must hold, beside segment. A condition as in segment, where properties.path:matches(RE) finds a regular expression (RE2), properties.tags:has(new) an element of an array, and properties.due:since(2025-08-01) and :before(2025-09-01) compare RFC 3339 dates and date-times. It may also be on user.plan or first.plan, the last or first value of the property that the event's user has; on first_seen or last_seen, the instants of the user's first and last event (since, before, exists, missing); on time.hour (0 to 23) or time.weekday (1, Monday, to 7) on a clock of timezone. Users are as of the end of the range, without one as of now. cohort:NAME holds for the users of a cohort of the project. Or JSON, up to 8 levels deep: an array of filters that must all hold, {\"any\": [filters]} of which one must, {\"not\": filter}, {\"did\": series, \"times\": \">=3\", \"last\": \"30d\"}: the event's user has so many events of the series before the end of the range, or in so long a time before it; or {\"funnel\": {\"steps\": [series], \"window\": \"7d\"}, \"reached\": 2, \"dropped\": true}: the user's best attempt at the funnel, of those that begin in the range, got to that step (the last one without reached), with dropped no further. A filter has at most 100 conditions"`
	JSONFilter  RawJSON  `json:"filter,omitempty"`
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

// RawJSON is a parameter in a form of its own, as it was sent. Package syntax reads it, and
// says where in it what is wrong.
type RawJSON []byte

// UnmarshalJSON keeps the value. null is no parameter.
func (j *RawJSON) UnmarshalJSON(data []byte) error {
	if string(data) != "null" {
		*j = append(RawJSON(nil), data...)
	}
	return nil
}

// Schema is that of a filter, which huma shows and does not check: of what fails to
// match it could not say where it is.
func (RawJSON) Schema(schemas huma.Registry) *huma.Schema {
	return &huma.Schema{
		Description: "Filter on events that must hold beside segment; see the parameter filter of GET",
		Extensions:  map[string]any{"$ref": filterRef(schemas)},
	}
}

// Scope is what a question about many events is asked with.
type Scope struct {
	Timezone *calendar.Zone     `json:"timezone" nullable:"false"`
	Fill     string             `json:"fill,omitempty"` // zero: with rows for empty buckets
	Segment  []syntax.Condition `json:"segment,omitempty" nullable:"false"`
	Filter   syntax.Filter      `json:"filter,omitzero"`
}

func (s Scope) events() engine.Scope {
	return engine.Scope{Zone: s.Timezone, Filter: syntax.And(append(holding(s.Segment), s.Filter)...)}
}

// holding are the filters that conditions make.
func holding(conditions []syntax.Condition) []syntax.Filter {
	filters := make([]syntax.Filter, len(conditions))
	for i, c := range conditions {
		filters[i] = syntax.Filter{Form: syntax.Holds, Condition: c}
	}
	return filters
}

func (p *FilterParams) scope() (s Scope, err error) { return p.scopeBy(syntax.Everywhere) }

// scopeBy reads a filter on fields that a grammar has.
func (p *FilterParams) scopeBy(g syntax.Grammar) (s Scope, err error) {
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
	segments := holding(s.Segment)
	if err := syntax.Bound(segments...); err != nil {
		return s, invalid("segment", "%s", err)
	}
	if s.Filter, err = parseFilters("filter", p.Filter, p.JSONFilter, g); err != nil {
		return s, err
	}
	if err := syntax.Bound(append(segments, s.Filter)...); err != nil {
		return s, invalid("filter", "%s", err)
	}
	return s, nil
}

// parseFilters reads a parameter with filters, in whichever form it was given.
func parseFilters(parameter string, texts []string, data RawJSON, g syntax.Grammar) (syntax.Filter, error) {
	var all []syntax.Filter
	for i, text := range texts {
		f, err := g.ParseFilter(text)
		name := parameter
		if len(texts) > 1 {
			name = fmt.Sprintf("%s[%d]", parameter, i)
		}
		if err != nil {
			return f, at(name, err)
		}
		all = append(all, f)
	}
	if data != nil {
		f, err := g.ParseFilterJSON(data)
		if err != nil {
			return f, at(parameter, err)
		}
		all = append(all, f)
	}
	return syntax.And(all...), nil
}

// at is the error in a parameter that package syntax has read.
func at(name string, err error) *ParamError {
	var e *syntax.Error
	if errors.As(err, &e) {
		return &ParamError{name + e.Path, e.Message}
	}
	return &ParamError{name, err.Error()}
}
