package question

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/property"
	"eventanalytics/services/stats/engine"
)

var profile = define[ProfileParams, Profile](Info{
	Name: "profile", Path: "/api/stats/profiles/{user_id}", Summary: "One user",
	Description: "What all events of a user tell, up to the end of a day, and what operations of SDKs say of them now. 404 when there are no events.",
	Shorten:     "user_id", ShortenBy: "it is a single user",
	Private:  true,
	Rows:     []Row{{"ProfileRow", Profile{}.Columns()}},
	NotFound: "the user has no event, or none is visible yet",
})

// ProfileParams are the parameters of profiles/{user_id}.
type ProfileParams struct {
	UserID string `path:"user_id" json:"-" maxLength:"200" doc:"Identity of the user" example:"42"`
	To     string `query:"to" json:"to,omitempty" default:"today" minLength:"1" doc:"Last day, inclusive: YYYY-MM-DD, today, yesterday, or so many days, weeks, months or years before today: -7d, -4w, -3mo, -1y" example:"2025-08-31"`
	OutputParams
}

// Question resolves the parameters.
func (p *ProfileParams) Question(now time.Time) (Question, error) {
	zone, err := p.zone()
	if err != nil {
		return nil, err
	}
	to, err := parseDay(param{"to", p.To}, zone.Date(now.UnixMicro()))
	return Profile{p.UserID, to, zone}, err
}

// Profile asks for a user.
type Profile struct {
	UserID   string         `json:"user_id"`
	To       calendar.Date  `json:"to" format:"date"`
	Timezone *calendar.Zone `json:"timezone" nullable:"false"`
}

// Columns returns those of the row.
func (Profile) Columns() []Column {
	return append(userColumns("up to the day"),
		Column{Name: "properties", Kind: JSON, Doc: "Each property, as operations say it now; what no operation ever said, as of the last event that has it. Of more than 500 the first by name"},
		Column{Name: "ids", Kind: JSON, Format: Array, Doc: "The ids of the person, user_id first, then in the order in which they were first seen: at most 100"},
		Column{Name: "groups", Kind: JSON, Doc: "The user's groups, by type: the key of the one that operations named last or, where none did, $groups of the last event that has it"})
}

// maxKnown is how many properties a row has.
const maxKnown = 500

// Answer returns one row, or none.
func (q Profile) Answer(ctx context.Context, src *engine.Source) (*Table, error) {
	rows := NewTable(ctx, q.Columns(), 1)
	// Where the zone skipped the day, it is the end of the one before.
	p, exists := engine.Range{From: engine.FirstDate, To: q.To}.Period(q.Timezone)
	if !exists {
		return rows, nil
	}
	user, err := src.Profile(ctx, engine.OneProfile{UserID: q.UserID, Before: p.To})
	if err != nil || user == nil {
		return rows, err
	}
	return rows, rows.Add(append(userValues(user.Profile), JSONOf(objectOf(user.Properties)), JSONOf(arrayOf(user.IDs)), JSONOf(objectOf(user.Groups)))...)
}

// arrayOf writes texts as JSON.
func arrayOf(texts []string) string {
	values := make([]string, len(texts))
	for i, text := range texts {
		values[i] = property.OfText(text).JSON()
	}
	return "[" + strings.Join(values, ",") + "]"
}

// objectOf writes the first properties by name as JSON.
func objectOf(properties map[string]string) string {
	names := slices.Sorted(maps.Keys(properties))
	members := make([]string, min(len(names), maxKnown))
	for i := range members {
		members[i] = property.OfText(names[i]).JSON() + ":" + properties[names[i]]
	}
	return "{" + strings.Join(members, ",") + "}"
}
