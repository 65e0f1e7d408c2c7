package question

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"eventanalytics/pkg/calendar"
	"eventanalytics/services/stats/engine"
)

var changes = define[ChangesParams, Changes](Info{
	Name: "identity-changes", Path: "/api/identity/changes", Summary: "Links that changed, and the days that they changed",
	Description: "Links between ids that were made or taken back after a position, in their order, each with the days on which both of the persons that it joins were active: on these there is one user less, or one more. For the next page, pass the position of the last row as since.",
	Shorten:     "limit", ShortenBy: "ask for fewer changes",
	Private: true,
	Rows:    []Row{{"ChangeRow", Changes{}.Columns()}},
})

// ChangesParams are the parameters of changes.
type ChangesParams struct {
	LinkParams
	Limit int `query:"limit" json:"limit,omitempty" default:"100" minimum:"1" maximum:"1000" doc:"Maximum changes; all of a position come together"`
	OutputParams
}

// Question resolves the parameters.
func (p *ChangesParams) Question(time.Time) (Question, error) {
	zone, err := p.zone()
	if err != nil {
		return nil, err
	}
	since, until, err := p.links(&p.OutputParams)
	return Changes{since, until, p.Limit, zone}, err
}

// Changes asks for links that changed after Since, up to Until, or all for "".
type Changes struct {
	Since    string         `json:"since"`
	Until    string         `json:"until,omitempty"`
	Limit    int            `json:"limit"`
	Timezone *calendar.Zone `json:"timezone" nullable:"false"`
}

// Columns returns those of a row for each change.
func (Changes) Columns() []Column {
	return []Column{
		{Name: "position", Doc: "Position from which on the change counts"},
		{Name: "change", Doc: "linked or taken_back"},
		{Name: "from", Doc: "The id that was linked"},
		{Name: "to", Doc: "What it was linked to"},
		{Name: "made_by", Doc: "The protocol of the SDK that said so, or api"},
		{Name: "days", Kind: JSON, Format: Array, Doc: "Days in the time zone on which both persons were active"},
		{Name: "first_seen_before", Format: "date-time", Nullable: true, Doc: "First event of the person that to is of, before the change; null when there was none"},
		{Name: "first_seen_after", Format: "date-time", Nullable: true, Doc: "The same after the change"},
	}
}

// Answer returns the rows in the order of the changes.
func (q Changes) Answer(ctx context.Context, src *engine.Source) (*Table, error) {
	all, err := src.History.Changes(ctx, q.Since, q.Until, q.Limit)
	if err != nil {
		return nil, err
	}
	seen, err := q.seen(ctx, src, all)
	if err != nil {
		return nil, err
	}
	rows := NewTable(ctx, q.Columns(), len(all))
	for _, c := range all {
		of, with := seen.person(c.Of), seen.person(c.With)
		days, err := json.Marshal(both(of.Dates, with.Dates))
		if err != nil {
			return nil, err
		}
		change, before, after := "linked", with.First, earliest(of, with)
		if c.TakenBack {
			change, before, after = "taken_back", after, before
		}
		if err := rows.Add(TextOf(c.Position), TextOf(change), TextOf(c.From), TextOf(c.To), TextOf(c.MadeBy), JSONOf(string(days)), firstSeen(before), firstSeen(after)); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// idDays are when ids had events, by key.
type idDays map[uint32]engine.DaysOfID

func (q Changes) seen(ctx context.Context, src *engine.Source, all []engine.Change) (idDays, error) {
	var keys []uint32
	for _, c := range all {
		keys = append(append(keys, c.Of...), c.With...)
	}
	slices.Sort(keys)
	days, err := src.IDDays(ctx, engine.IDDays{Zone: q.Timezone, Keys: slices.Compact(keys)})
	if err != nil {
		return nil, err
	}
	seen := idDays{}
	for _, d := range days {
		seen[d.Key] = d
	}
	return seen, nil
}

// never is the First of a person without events.
const never = 1<<63 - 1

// person is when any of some ids had events.
func (s idDays) person(keys []uint32) engine.DaysOfID {
	p := engine.DaysOfID{First: never}
	for _, key := range keys {
		if d, ok := s[key]; ok {
			p.Dates, p.First = append(p.Dates, d.Dates...), min(p.First, d.First)
		}
	}
	slices.Sort(p.Dates)
	p.Dates = slices.Compact(p.Dates)
	return p
}

func earliest(a, b engine.DaysOfID) int64 { return min(a.First, b.First) }

// both are the dates that two ascending lists have in common, as texts.
func both(a, b []calendar.Date) []string {
	dates := []string{}
	for _, date := range a {
		if _, in := slices.BinarySearch(b, date); in {
			dates = append(dates, date.String())
		}
	}
	return dates
}

func firstSeen(us int64) Value {
	if us == never {
		return NullText
	}
	return TextOf(instantOf(us))
}
