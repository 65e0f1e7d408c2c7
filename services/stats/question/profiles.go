package question

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/syntax"
	"eventanalytics/services/stats/engine"
)

var profiles = define[ProfilesParams, Profiles](Info{
	Name: "profiles", Path: "/api/stats/profiles", Summary: "Users",
	Description: "The users with an event in the range for which filter and segment hold, with what all of their events before the end of the range tell of them.",
	Shorten:     "limit", ShortenBy: "ask for fewer users",
	Private: true,
	Rows:    []Row{{"ProfilesRow", Profiles{}.Columns()}},
})

// ProfilesParams are the parameters of profiles.
type ProfilesParams struct {
	From       string     `query:"from" json:"from,omitempty" minLength:"1" doc:"First day; by default all time. YYYY-MM-DD, today, yesterday, or so many days, weeks, months or years before today: -7d, -4w, -3mo, -1y" example:"2025-08-01"`
	To         string     `query:"to" json:"to,omitempty" default:"today" minLength:"1" doc:"Last day, inclusive, as from; at most 3,660 days after it. Users are as of its end" example:"2025-08-31"`
	Q          string     `query:"q" json:"q,omitempty" maxLength:"200" doc:"Only users whose user_id contains this, in upper or lower case"`
	Fields     []string   `query:"fields,explode" json:"-" nullable:"false" doc:"Further columns, at most 20, separated by commas or repeated: user.plan is the user's last value of the property plan, first.plan the first" example:"user.plan"`
	JSONFields FieldTexts `json:"fields,omitempty"`
	Sort       string     `query:"sort" json:"sort,omitempty" default:"last_seen" enum:"last_seen,first_seen,events,user_id" doc:"Order of the rows: times and events descend, user_id ascends; equal users come by user_id"`
	Limit      int        `query:"limit" json:"limit,omitempty" default:"100" minimum:"1" maximum:"1000" doc:"Maximum number of rows"`
	After      string     `query:"after" json:"after,omitempty" minLength:"1" maxLength:"2000" doc:"Only users after this cursor, which the last row of an answer with the same sort has"`
	FilterParams
}

// FieldTexts are fields in JSON: one, or an array of them.
type FieldTexts []string

// UnmarshalJSON reads a string or an array of strings.
func (f *FieldTexts) UnmarshalJSON(data []byte) error { return (*Segments)(f).UnmarshalJSON(data) }

// Schema describes both forms.
func (FieldTexts) Schema(huma.Registry) *huma.Schema {
	maximum := maxFields
	one := &huma.Schema{Type: huma.TypeString}
	return &huma.Schema{
		Description: "Further column, or an array of them; see the parameter fields of GET",
		OneOf:       []*huma.Schema{one, {Type: huma.TypeArray, Items: one, MaxItems: &maximum}},
	}
}

// maxFields is how many further columns there can be.
const maxFields = 20

// Question resolves the parameters.
func (p *ProfilesParams) Question(now time.Time) (Question, error) {
	q := Profiles{Q: p.Q, Sort: p.Sort, Limit: p.Limit, After: p.After}
	var err error
	if q.Scope, err = p.scope(); err != nil {
		return nil, err
	}
	if q.From, q.To, err = optionalDays(p.From, p.To, q.Timezone.Date(now.UnixMicro())); err != nil {
		return nil, err
	}
	if !utf8.ValidString(q.Q) {
		return nil, invalid("q", "is not UTF-8")
	}
	if q.Fields, err = userFields(p.Fields, p.JSONFields); err != nil {
		return nil, err
	}
	if q.After != "" {
		if _, err := parseCursor(q.Sort, q.After); err != nil {
			return nil, err
		}
	}
	return q, nil
}

// optionalDays reads a range that is all time up to a day unless it has a first.
func optionalDays(from, to string, today calendar.Date) (first *calendar.Date, last calendar.Date, err error) {
	if from == "" {
		last, err = parseDay(param{"to", to}, today)
		return nil, last, err
	}
	days, err := parseDays(param{"from", from}, param{"to", to}, today)
	return &days.From, days.To, err
}

// userFields reads the fields of users that are asked for: each text of the query has
// some, separated by commas, or JSON.
func userFields(query []string, body FieldTexts) (fields []syntax.Field, err error) {
	texts := []string(body)
	for _, text := range query {
		if !syntax.IsJSON(text) {
			texts = append(texts, splitCommas(text)...)
			continue
		}
		var list FieldTexts
		if err := json.Unmarshal([]byte(text), &list); err != nil {
			return nil, invalid("fields", "%q is not an array of texts", shorten(text))
		}
		texts = append(texts, list...)
	}
	if len(texts) > maxFields {
		return nil, invalid("fields", "has %d fields, at most %d are allowed", len(texts), maxFields)
	}
	known := map[string]bool{}
	for i, text := range texts {
		name := fmt.Sprintf("fields[%d]", i)
		f, err := one(name, text, syntax.ParseField)
		switch {
		case err != nil:
			return nil, err
		case f.Source != syntax.UserProperty && f.Source != syntax.FirstProperty:
			return nil, invalid(name, "%q is not of a user: user.plan is the last value of the property plan, first.plan the first", shorten(text))
		case known[f.String()]:
			return nil, invalid(name, "%q is given twice", shorten(text))
		}
		known[f.String()] = true
		fields = append(fields, f)
	}
	return fields, nil
}

// splitCommas splits a text at commas, but for those behind a backslash.
func splitCommas(text string) (parts []string) {
	begin := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case ',':
			parts = append(parts, text[begin:i])
			begin = i + 1
		}
	}
	return append(parts, text[begin:])
}

// Profiles asks for users.
type Profiles struct {
	From   *calendar.Date `json:"from,omitempty" format:"date"` // nil: all time
	To     calendar.Date  `json:"to" format:"date"`
	Q      string         `json:"q,omitempty"` // contained in user_id; empty: any
	Fields []syntax.Field `json:"fields,omitempty" nullable:"false"`
	Sort   string         `json:"sort"`
	Limit  int            `json:"limit"`
	After  string         `json:"after,omitempty"`
	Scope
}

// cursorColumn is the last of rows that a next answer can begin behind.
var cursorColumn = Column{Name: "cursor", Doc: "Place of the row in the order, to be sent as after"}

// Columns returns those of a row for each user.
func (q Profiles) Columns() []Column {
	columns := userColumns("before the end of the range")
	for _, f := range q.Fields {
		columns = append(columns, Column{Name: f.String(), Nullable: true, Doc: "Value of the field as text; null: there is none"})
	}
	return append(columns, cursorColumn)
}

// userColumns are what every row of a user begins with.
func userColumns(when string) []Column {
	return []Column{
		{Name: "user_id", Doc: "Identity of the user: of a person with several ids, the one that the others are linked to"},
		{Name: "first_seen", Format: "date-time", Doc: "When the user's first event happened, in UTC"},
		{Name: "last_seen", Format: "date-time", Doc: "When the user's last event " + when + " happened, in UTC"},
		{Name: "events", Kind: Integer, Doc: "The user's events " + when},
	}
}

func userValues(p engine.Profile) []Value {
	return []Value{TextOf(p.UserID), TextOf(instantOf(p.First)), TextOf(instantOf(p.Last)), IntegerOf(p.Events)}
}

// instantOf writes microseconds since 1970 in UTC, with as many digits as it needs.
func instantOf(us int64) string {
	return time.UnixMicro(us).UTC().Format("2006-01-02T15:04:05.999999Z07:00")
}

// Answer returns the rows in the order that was asked for.
func (q Profiles) Answer(ctx context.Context, src *engine.Source) (*Table, error) {
	scan := engine.Profiles{
		Scope: q.events(), Range: engine.Range{From: engine.FirstDate, To: q.To},
		Fields: q.Fields, Contains: q.Q, Sort: q.Sort, Limit: q.Limit,
	}
	if q.From != nil {
		scan.From = *q.From
	}
	if q.After != "" {
		after, err := parseCursor(q.Sort, q.After)
		if err != nil {
			return nil, err
		}
		scan.After = &after
	}
	found, err := src.Profiles(ctx, scan)
	if err != nil {
		return nil, err
	}
	rows := NewTable(ctx, q.Columns(), len(found))
	for _, p := range found {
		row := userValues(p)
		for _, text := range p.Fields {
			if text.Missing {
				row = append(row, NullText)
			} else {
				row = append(row, TextOf(text.Value))
			}
		}
		if err := rows.Add(append(row, TextOf(cursorOf(q.Sort, p)))...); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// cursorOf is the place of a user in an order, in letters that a URL can have.
func cursorOf(sort string, p engine.Profile) string {
	place := p.Place(sort)
	return base64.RawURLEncoding.EncodeToString([]byte(sort + " " + strconv.FormatInt(place.Number, 10) + " " + place.UserID))
}

func parseCursor(sort, cursor string) (engine.ProfilePlace, error) {
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	of, rest, _ := strings.Cut(string(text), " ")
	number, userID, ok := strings.Cut(rest, " ")
	n, notNumber := strconv.ParseInt(number, 10, 64)
	switch {
	case err != nil || !ok || notNumber != nil || !utf8.Valid(text):
		return engine.ProfilePlace{}, invalid("after", "is not a cursor that a row has")
	case of != sort:
		return engine.ProfilePlace{}, invalid("after", "is a cursor of another order: of sort=%s", shorten(of))
	}
	return engine.ProfilePlace{Number: n, UserID: userID}, nil
}
