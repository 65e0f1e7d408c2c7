package question

import (
	"cmp"
	"fmt"
	"time"

	"github.com/danielgtaylor/huma/v2"

	authhttp "eventanalytics/pkg/auth/http"
	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/platform/server"
)

// ParamError says what is wrong with a parameter.
type ParamError struct{ Name, Message string }

func (e *ParamError) Error() string { return e.Name + ": " + e.Message }

func invalid(name, format string, args ...any) *ParamError {
	return &ParamError{name, fmt.Sprintf(format, args...)}
}

// OutputParams are the parameters that say how and from what to answer.
type OutputParams struct {
	authhttp.ProjectParam
	Timezone    string `query:"timezone" json:"timezone,omitempty" default:"UTC" minLength:"1" doc:"IANA time zone in which days, weeks, months and hours are cut" example:"Europe/Kyiv"`
	Format      string `query:"format" json:"format,omitempty" enum:"json,csv,ndjson,parquet" doc:"Format of the answer; without it the Accept header decides, JSON by default"`
	CSVText     string `query:"csv_text" json:"csv_text,omitempty" enum:"safe,raw" doc:"Texts in CSV: safe, the default, puts an apostrophe before those that a spreadsheet would run as a formula, because they begin with = + - @, a tab or a line end; raw leaves them as they are. Numbers are never changed"`
	MinPosition string `query:"min_position" json:"min_position,omitempty" minLength:"1" doc:"Answer only from data that include this position: that of an upload, or of an earlier answer"`
	Identity    string `query:"identity" json:"identity,omitempty" default:"persons" enum:"persons,raw" doc:"What counts as one user: persons, with the ids that are linked, or raw, each id as it was sent"`
	AsOf        string `query:"as_of" json:"as_of,omitempty" minLength:"1" doc:"Count with the links between ids up to this position, such as the meta.position of an earlier answer, so that its numbers can be had again"`
	Wait        string `query:"wait" json:"wait,omitempty" default:"5s" minLength:"1" doc:"How long to wait for min_position, at most 30s" example:"5s"`

	headers   Headers
	weekStart string // of the project
	at        time.Time
}

// Headers are what a request says of its answer beside its parameters.
type Headers struct{ Accept, IfNoneMatch, CacheControl string }

// HeadersOf reads them.
func HeadersOf(ctx huma.Context) Headers {
	return Headers{ctx.Header("Accept"), ctx.Header("If-None-Match"), ctx.Header("Cache-Control")}
}

// Output returns p.
func (p *OutputParams) Output() *OutputParams { return p }

// Headers returns the request's.
func (p *OutputParams) Headers() Headers { return p.headers }

// Resolve reads what is not a parameter, and refuses what huma lets pass.
func (p *OutputParams) Resolve(ctx huma.Context) []error {
	p.headers = HeadersOf(ctx)
	if p := server.CheckQuery(ctx, "segment", "filter", "series", "formula", "breakdown", "returning_filter", "brackets", "steps", "exclude", "bins", "fields"); p != nil {
		return []error{p}
	}
	return nil
}

// In says on which day weeks of the project begin that is asked about: monday, sunday or
// saturday.
func (p *OutputParams) In(weekStart string) { p.weekStart = weekStart }

// Now is the instant that relative days are relative to: now, unless the question is asked as
// of another.
func (p *OutputParams) Now(now time.Time) time.Time {
	if p.at.IsZero() {
		return now
	}
	return p.at
}

// interval resolves the parameters that say how time is cut.
func (p *OutputParams) interval(interval, weekStart string) Interval {
	return Interval{interval, cmp.Or(weekStart, p.weekStart, "monday")}
}

func (p *OutputParams) zone() (*calendar.Zone, error) {
	zone, err := calendar.Load(p.Timezone)
	if err != nil {
		return nil, invalid("timezone", "%q is not an IANA time zone", p.Timezone)
	}
	return zone, nil
}

// shorten keeps messages readable.
func shorten(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}
