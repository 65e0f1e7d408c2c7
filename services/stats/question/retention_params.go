package question

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/syntax"
)

// RetentionParams are the parameters of retention.
type RetentionParams struct {
	StartDate          string       `query:"start_date" json:"start_date,omitempty" minLength:"1" doc:"Cohorts from the week, day or month of this day on; required; YYYY-MM-DD, today, yesterday, or so many days, weeks, months or years before today: -7d, -4w, -3mo, -1y" example:"2025-08-01"`
	EndDate            string       `query:"end_date" json:"end_date,omitempty" minLength:"1" doc:"Cohorts up to the week, day or month of this day, as start_date; default today; at most 3,660 days"`
	Windows            int          `query:"windows" json:"windows,omitempty" minimum:"1" maximum:"52" doc:"How many windows, counted from 0; default 4; not with mode=bracket, whose windows are the brackets"`
	Granularity        string       `query:"granularity" json:"granularity,omitempty" default:"week" enum:"week,day,month" doc:"Length of cohorts and windows"`
	Cohort             string       `query:"cohort" json:"cohort,omitempty" default:"first_ever" enum:"first_ever,in_period" doc:"A user belongs to the cohort of the first event ever, or of the first on or after start_date"`
	EventType          string       `query:"event_type" json:"event_type,omitempty" minLength:"1" maxLength:"200" doc:"Only such events found a cohort; default any"`
	ReturningEventType string       `query:"returning_event_type" json:"returning_event_type,omitempty" minLength:"1" maxLength:"200" doc:"Only such events count as a return; default any"`
	ReturningFilter    []string     `query:"returning_filter,explode" json:"-" maxItems:"100" nullable:"false" doc:"Filter on events that count as a return, in the form of filter, beside it"`
	JSONReturning      RawJSON      `json:"returning_filter,omitempty" doc:"Filter on events that count as a return; see the parameter returning_filter of GET"`
	Mode               string       `query:"mode" json:"mode,omitempty" default:"on" enum:"on,after,bracket" doc:"on: a window counts those who returned in it; after: in it or any later one, to complete_until; bracket: windows are brackets"`
	Brackets           []string     `query:"brackets,explode" json:"-" maxItems:"52" nullable:"false" doc:"Where the windows of mode=bracket end, in days, weeks or months after the cohort's, exclusive, ascending: [1,3,7,14] makes windows of 0, 1 to 2, 3 to 6 and 7 to 13, each numbered by its first; at most 52, up to 3,660"`
	JSONBrackets       BracketsJSON `json:"brackets,omitempty"`
	Zero               string       `query:"zero" json:"zero,omitempty" default:"cohort" enum:"cohort,returned" doc:"What window 0 counts: cohort: all members; returned: those with another returning event at or after the founding one, in the cohort's week, day or month; with mode=after there or later, with mode=bracket in the whole window"`
	SplitParams
	FilterParams
}

// Question resolves the parameters.
func (p *RetentionParams) Question(now time.Time) (Question, error) {
	scope, err := p.scope()
	if err != nil {
		return nil, err
	}
	if p.StartDate == "" {
		return nil, invalid("start_date", "is required")
	}
	today := scope.Timezone.Date(now.UnixMicro())
	if p.EndDate == "" {
		p.EndDate = today.String()
	}
	days, err := parseDays(param{"start_date", p.StartDate}, param{"end_date", p.EndDate}, today)
	if err != nil {
		return nil, err
	}
	q := Retention{
		StartDate: days.From, EndDate: days.To, Granularity: calendar.Unit(p.Granularity),
		Cohort: p.Cohort, EventType: p.EventType, ReturningEventType: p.ReturningEventType, Scope: scope,
	}
	if err := p.windows(&q); err != nil {
		return nil, err
	}
	if q.ReturningFilter, err = parseFilters("returning_filter", p.ReturningFilter, p.JSONReturning, syntax.Everywhere); err != nil {
		return nil, err
	}
	if err := syntax.Bound(append(holding(q.Segment), q.Filter, q.ReturningFilter)...); err != nil {
		return nil, invalid("returning_filter", "%s", err)
	}
	q.Split, err = p.split()
	return q, err
}

// windows reads the windows, and what they count. Defaults of today are left out.
func (p *RetentionParams) windows(q *Retention) (err error) {
	if p.Mode != "on" {
		q.Mode = p.Mode
	}
	if p.Zero != "cohort" {
		q.Zero = p.Zero
	}
	if q.Brackets, err = forms("brackets", p.Brackets, p.JSONBrackets.RawJSON, parseBrackets, parseBracketsJSON); err != nil {
		return err
	}
	switch {
	case q.Mode != "bracket" && q.Brackets != nil:
		return invalid("brackets", "needs mode=bracket")
	case q.Mode != "bracket":
		q.Windows = cmp.Or(p.Windows, 4)
	case q.Brackets == nil:
		return invalid("brackets", "is required with mode=bracket")
	case p.Windows != 0:
		return invalid("windows", "cannot be with mode=bracket: its windows are the brackets")
	}
	return nil
}

// BracketsJSON is a list of brackets as it was sent.
type BracketsJSON struct{ RawJSON }

// Schema shows a list of numbers, and does not check it.
func (BracketsJSON) Schema(huma.Registry) *huma.Schema {
	return shown("Brackets; see the parameter brackets of GET", &huma.Schema{Type: huma.TypeInteger}, maxBrackets)
}

const (
	maxBrackets = 52
	maxBracket  = 3660
)

// parseBrackets reads numbers, or one array of them.
func parseBrackets(texts []string) ([]int, error) {
	if len(texts) == 1 && strings.HasPrefix(strings.TrimSpace(texts[0]), "[") {
		return parseBracketsJSON([]byte(texts[0]))
	}
	return parseBracketsJSON([]byte("[" + strings.Join(texts, ",") + "]"))
}

func parseBracketsJSON(data []byte) ([]int, error) {
	var ends []int
	if err := json.Unmarshal(data, &ends); err != nil {
		return nil, errors.New("is not an array of whole numbers")
	}
	if len(ends) == 0 || len(ends) > maxBrackets {
		return nil, fmt.Errorf("has %d numbers; 1 to %d are allowed", len(ends), maxBrackets)
	}
	last := 0
	for i, end := range ends {
		switch {
		case end > maxBracket:
			return nil, syntax.At(fmt.Sprintf("[%d]", i), fmt.Errorf("is greater than %d", maxBracket))
		case end <= last:
			return nil, syntax.At(fmt.Sprintf("[%d]", i), fmt.Errorf("is not greater than %d", last))
		}
		last = end
	}
	return ends, nil
}
