package question

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"eventanalytics/pkg/syntax"
)

// Stored reads questions that are kept as they are asked under POST. It is safe for use by
// several goroutines.
type Stored struct {
	schemas huma.Registry
	known   map[string]storable // by path
}

type storable struct {
	Definition
	schema *huma.Schema // of the parameters
}

// NewStored makes a reader of all questions.
func NewStored() Stored {
	s := Stored{huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer), map[string]storable{}}
	DescribeTypes(s.schemas)
	for _, d := range All() {
		s.known[d.Path] = storable{d, huma.SchemaFromType(s.schemas, reflect.TypeOf(d.New()).Elem())}
	}
	return s
}

// ErrNoQuestion says that no question has a path.
var ErrNoQuestion = errors.New("is not the path of a question")

// Read reads the parameters of the question with a path, and puts the defaults in. What is
// wrong with them is a *ParamError, as far as their types tell; the rest Params.Question does.
func (s Stored) Read(path string, stored map[string]any) (d Definition, p Params, err error) {
	known, ok := s.known[path]
	if !ok {
		return d, nil, ErrNoQuestion
	}
	// Checked as JSON decodes them: numbers are float64 then.
	text, err := json.Marshal(stored)
	if err != nil {
		return d, nil, fmt.Errorf("writing parameters: %w", err)
	}
	var values map[string]any
	if err := json.Unmarshal(text, &values); err != nil {
		return d, nil, fmt.Errorf("reading parameters: %w", err)
	}
	var checked huma.ValidateResult
	huma.Validate(s.schemas, known.schema, huma.NewPathBuffer(nil, 0), huma.ModeWriteToServer, values, &checked)
	if len(checked.Errors) > 0 {
		return d, nil, paramError(checked.Errors[0])
	}
	p = known.New()
	if err := json.Unmarshal(text, p); err != nil {
		return d, nil, &ParamError{"params", err.Error()}
	}
	return known.Definition, p, setDefaults(reflect.ValueOf(p).Elem())
}

func paramError(err error) error {
	var detail *huma.ErrorDetail
	if !errors.As(err, &detail) || detail.Location == "" {
		return &ParamError{"params", err.Error()}
	}
	return &ParamError{detail.Location, detail.Message}
}

// setDefaults does for parameters that were stored what huma does for those that are sent.
func setDefaults(params reflect.Value) error {
	for field, value := range params.Fields() {
		text, has := field.Tag.Lookup("default")
		switch {
		case field.Anonymous && value.Kind() == reflect.Struct:
			if err := setDefaults(value); err != nil {
				return err
			}
		case !has || !value.IsZero():
		case value.Kind() == reflect.String:
			value.SetString(text)
		case value.Kind() == reflect.Bool:
			value.SetBool(text == "true")
		case value.Kind() == reflect.Int:
			n, err := strconv.Atoi(text)
			if err != nil {
				return fmt.Errorf("reading the default of %s: %w", field.Name, err)
			}
			value.SetInt(int64(n))
		default:
			return fmt.Errorf("%s is a %s: its default cannot be set", field.Name, value.Kind())
		}
	}
	return nil
}

// Asked is what those who ask a stored question say.
type Asked struct {
	// From and To, both or none, take the place of the question's own, and so does Timezone
	// where it is not empty.
	From, To, Timezone string
	// At, where it is not zero, is the instant that relative days are relative to.
	At              time.Time
	Format, CSVText string
	Headers         Headers
}

// Ask puts into parameters what is said by those who ask.
func (a Asked) Ask(p Params) {
	if dated, ok := p.(interface{ between(from, to string) }); ok && a.From != "" {
		dated.between(a.From, a.To)
	}
	o := p.Output()
	if a.Timezone != "" {
		o.Timezone = a.Timezone
	}
	o.Format, o.CSVText, o.MinPosition = a.Format, a.CSVText, ""
	o.headers, o.at = a.Headers, a.At
}

func (p *DayParams) between(from, to string) {
	p.From, p.FromDate, p.To, p.ToDate = from, "", to, ""
}

func (p *RetentionParams) between(from, to string) {
	p.StartDate, p.EndDate = from, to
}

// FixedDay is the date of a day that may be relative to the date of an instant. What is no
// day stays as it is.
func FixedDay(day, timezone string, at time.Time) string {
	o := OutputParams{Timezone: timezone}
	zone, err := o.zone()
	if err != nil {
		return day
	}
	if d, ok := relativeDay(day, zone.Date(at.UnixMicro())); ok {
		return d.String()
	}
	return day
}

// NamesUsers returns which part of a question, in the words of its JSON, names user_id: in a
// condition, or as what its rows are told apart by; "" for none. What is counted, its unit,
// tells nobody's id.
func NamesUsers(q Question) string { return namesUsers("", reflect.ValueOf(q)) }

// FilterNamesUsers is NamesUsers for a filter.
func FilterNamesUsers(f syntax.Filter) bool { return namesUsers("filter", reflect.ValueOf(f)) != "" }

func namesUsers(path string, v reflect.Value) string {
	switch {
	case v.Type() == zoneType:
	case v.Type() == fieldType:
		if v.Interface().(syntax.Field).AtEvent().Source == syntax.UserID {
			return path
		}
	case v.Type() == filterType: // named as a whole: its parts have other names in JSON
		for _, part := range v.Fields() {
			if namesUsers(path, part) != "" {
				return path
			}
		}
	case v.Kind() == reflect.Struct:
		for f, value := range v.Fields() {
			if f.Name == "Unit" && f.Type == fieldType {
				continue
			}
			if found := namesUsers(inside(path, f), value); found != "" {
				return found
			}
		}
	case v.Kind() == reflect.Pointer && !v.IsNil():
		return namesUsers(path, v.Elem())
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			if found := namesUsers(fmt.Sprintf("%s[%d]", path, i), v.Index(i)); found != "" {
				return found
			}
		}
	}
	return ""
}
