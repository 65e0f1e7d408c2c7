package question

import (
	"cmp"
	"time"

	"eventanalytics/pkg/calendar"
)

// FreezeParams say as of when a cohort becomes a list, and of which name.
type FreezeParams struct {
	AsOf        string `json:"as_of,omitempty" minLength:"1" doc:"Day at whose end the users are members: YYYY-MM-DD, today (default), yesterday, or before today as in -7d, -4w, -3mo, -1y" example:"2025-08-31"`
	Timezone    string `json:"timezone,omitempty" minLength:"1" doc:"IANA time zone of the day; default UTC" example:"Europe/Kyiv"`
	To          string `json:"to" minLength:"1" maxLength:"64" doc:"Name of the list" example:"paying-in-august"`
	MinPosition string `json:"min_position,omitempty" minLength:"1" doc:"Look only at data that include this position: that of an upload"`
	Wait        string `json:"wait,omitempty" minLength:"1" doc:"How long to wait for min_position, at most 30s; default 5s" example:"5s"`
}

// Day returns the day, and its zone.
func (p *FreezeParams) Day(now time.Time) (calendar.Date, *calendar.Zone, error) {
	zone, err := p.Output().zone()
	if err != nil {
		return 0, nil, err
	}
	day, err := parseDay(param{"as_of", cmp.Or(p.AsOf, "today")}, zone.Date(now.UnixMicro()))
	return day, zone, err
}

// Output are the parameters of answers that there are, too.
func (p *FreezeParams) Output() *OutputParams {
	return &OutputParams{Timezone: cmp.Or(p.Timezone, "UTC"), MinPosition: p.MinPosition, Wait: cmp.Or(p.Wait, "5s")}
}
