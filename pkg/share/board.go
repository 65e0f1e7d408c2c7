// Package share has what boards show, and keeps the links in Postgres by which people
// without an account see one. The account service writes boards; stats, which knows the
// questions, makes and answers shares.
package share

import "time"

// Content is what a board shows.
type Content struct {
	Range BoardRange `json:"range,omitzero" doc:"The dates that all of its questions are asked about; without them each has its own. from and to count only together"`
	Tiles []Tile     `json:"tiles" maxItems:"50" nullable:"false" doc:"From left to right and from top to bottom"`
}

// BoardRange are dates in the form of the parameters from, to and timezone of questions. From
// and To count only together.
type BoardRange struct {
	From     string `json:"from,omitempty" maxLength:"20" doc:"First local date, as in questions" example:"-30d"`
	To       string `json:"to,omitempty" maxLength:"20" doc:"Last local date, as in questions" example:"today"`
	Timezone string `json:"timezone,omitempty" maxLength:"64" doc:"IANA time zone" example:"Europe/Kyiv"`
}

// Dates are the dates that take the place of the tiles' own: both, or none.
func (r BoardRange) Dates() (from, to string) {
	if r.From == "" || r.To == "" {
		return "", ""
	}
	return r.From, r.To
}

// Tile is a question with the form of its answer, or a text.
type Tile struct {
	ID       string        `json:"id" pattern:"^[A-Za-z0-9_-]{1,36}$" doc:"Identity of the tile in its board" example:"t1"`
	Kind     string        `json:"kind" enum:"number,line,area,bar,map,table,retention,funnel,paths,text" doc:"Form in which the answer is shown; text has none"`
	Title    string        `json:"title,omitempty" maxLength:"200" doc:"Title, plain text"`
	Size     TileSize      `json:"size" doc:"On a grid of 12 columns"`
	Text     string        `json:"text,omitempty" maxLength:"10000" doc:"Of the kind text: plain text, with line ends"`
	Question *TileQuestion `json:"question,omitempty" doc:"Of all other kinds"`
}

// TileSize is in columns and rows.
type TileSize struct {
	Width  int `json:"width" minimum:"1" maximum:"12" doc:"In columns"`
	Height int `json:"height" minimum:"1" maximum:"12" doc:"In rows"`
}

// TileQuestion is a question as it is asked under POST.
type TileQuestion struct {
	Route  string         `json:"route" enum:"/api/stats/dau,/api/stats/top-events,/api/stats/retention,/api/stats/events,/api/stats/active-users,/api/stats/event-types,/api/stats/events/latest,/api/stats/properties,/api/stats/property-values,/api/stats/trends,/api/stats/lifecycle,/api/stats/stickiness,/api/stats/funnels,/api/stats/sessions,/api/stats/paths,/api/stats/profiles" doc:"Path of the question" example:"/api/stats/trends"`
	Params map[string]any `json:"params" doc:"Its parameters, as JSON; they are checked when it is asked"`
}

// Dates say what relative dates of a share's questions, such as -30d, are relative to.
type Dates string

// The dates.
const (
	Still  Dates = "still"  // when the share took the board
	Moving Dates = "moving" // when they are asked
)

// SharedBoard is a board as a share shows it.
type SharedBoard struct {
	Name      string    `json:"name" doc:"Name of the board"`
	Version   int64     `json:"version" doc:"The version of the board that is shown"`
	AsOf      time.Time `json:"as_of" doc:"When the board was like this"`
	Dates     Dates     `json:"dates" enum:"still,moving" doc:"still: relative dates are those of as_of; moving: of now"`
	ExpiresAt time.Time `json:"expires_at" doc:"Until when the link works"`
	Content
}
