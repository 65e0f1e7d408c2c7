package question

import (
	"cmp"
	"encoding/json"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"eventanalytics/pkg/calendar"
)

// SQLParams are a statement of SQL, and what it is asked of.
type SQLParams struct {
	SQL         string            `json:"sql" minLength:"1" maxLength:"16384" doc:"One SELECT, as DuckDB understands it, over events and cohort('name'); at most 16 KiB" example:"SELECT event_type, count(*) AS events FROM events GROUP BY event_type ORDER BY events DESC, event_type LIMIT 10"`
	Params      []json.RawMessage `json:"params,omitempty" maxItems:"100" doc:"Values of ? or $1, $2 and so on in the statement, in their order: strings, numbers, booleans and nulls"`
	From        string            `json:"from,omitempty" minLength:"1" doc:"Leave out events before this day: YYYY-MM-DD, today, yesterday, or so many days, weeks, months or years before today: -7d, -4w, -3mo, -1y; files of other days are not read" example:"2025-08-01"`
	To          string            `json:"to,omitempty" minLength:"1" doc:"Leave out events after this day, as from" example:"2025-08-31"`
	Limit       int               `json:"limit,omitempty" default:"10000" minimum:"1" maximum:"100000" doc:"Maximum rows: a longer answer is refused, not cut"`
	Timezone    string            `json:"timezone,omitempty" minLength:"1" doc:"IANA time zone of from, to and the statement; default UTC" example:"Europe/Kyiv"`
	Format      string            `json:"format,omitempty" enum:"json,csv,ndjson,parquet" doc:"Format of the answer; without it the Accept header decides, JSON by default"`
	CSVText     string            `json:"csv_text,omitempty" enum:"safe,raw" doc:"Texts in CSV: safe, the default, puts an apostrophe before those that a spreadsheet would run as a formula, because they begin with = + - @, a tab or a line end; raw leaves them as they are"`
	MinPosition string            `json:"min_position,omitempty" minLength:"1" doc:"Answer only from data that include this position: that of an upload, or of an earlier answer"`
	Wait        string            `json:"wait,omitempty" minLength:"1" doc:"How long to wait for min_position, at most 30s; default 5s" example:"5s"`

	headers Headers
}

// Resolve reads what is not a parameter.
func (p *SQLParams) Resolve(ctx huma.Context) []error {
	p.headers = HeadersOf(ctx)
	return nil
}

// Output are the parameters of answers that there are, too.
func (p *SQLParams) Output() *OutputParams {
	return &OutputParams{Timezone: cmp.Or(p.Timezone, "UTC"), Format: p.Format, CSVText: p.CSVText, MinPosition: p.MinPosition, Wait: cmp.Or(p.Wait, "5s"), headers: p.headers}
}

// SQL is a statement with every parameter resolved.
type SQL struct {
	SQL      string            `json:"sql"`
	Params   []json.RawMessage `json:"params,omitempty"`
	From     *calendar.Date    `json:"from,omitempty" format:"date"`
	To       *calendar.Date    `json:"to,omitempty" format:"date"`
	Limit    int               `json:"limit"`
	Timezone *calendar.Zone    `json:"timezone"`
}

// maxSQL is how many bytes a statement may have.
const maxSQL = 16 << 10

// Statement checks the parameters and puts the defaults in. The error is a *ParamError.
func (p *SQLParams) Statement(now time.Time) (SQL, error) {
	zone, err := p.Output().zone()
	if err != nil {
		return SQL{}, err
	}
	s := SQL{SQL: p.SQL, Params: p.Params, Limit: p.Limit, Timezone: zone}
	if len(p.SQL) > maxSQL {
		return SQL{}, invalid("sql", "has %d bytes, at most %d are allowed", len(p.SQL), maxSQL)
	}
	if strings.ContainsRune(p.SQL, 0) {
		return SQL{}, invalid("sql", "has a character NUL")
	}
	today := zone.Date(now.UnixMicro())
	for _, day := range []struct {
		param
		into **calendar.Date
	}{{param{"from", p.From}, &s.From}, {param{"to", p.To}, &s.To}} {
		if day.value == "" {
			continue
		}
		d, err := parseDay(day.param, today)
		if err != nil {
			return SQL{}, err
		}
		*day.into = &d
	}
	if s.From != nil && s.To != nil && *s.From > *s.To {
		return SQL{}, invalid("from", "%s is after to, %s", *s.From, *s.To)
	}
	return s, nil
}

// Bounds returns the instants between which events count: the first one and the one after the
// last; zero where there is none.
func (s SQL) Bounds() (from, to time.Time) {
	if s.From != nil {
		from = time.UnixMicro(s.Timezone.Midnight(*s.From))
	}
	if s.To != nil {
		to = time.UnixMicro(s.Timezone.Midnight(*s.To + 1))
	}
	return from, to
}
