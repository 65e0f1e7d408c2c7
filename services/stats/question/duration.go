package question

import (
	"time"

	"github.com/danielgtaylor/huma/v2"

	"eventanalytics/pkg/syntax"
)

// Duration is elapsed time in whole seconds.
type Duration time.Duration

// MarshalText writes it as parameters have it: 30min.
func (d Duration) MarshalText() ([]byte, error) {
	return []byte(syntax.FormatDuration(time.Duration(d))), nil
}

// Schema is that of the text.
func (Duration) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Pattern: `^[0-9]+(d|h|min|s)$`, Examples: []any{"30min", "7d"}}
}

// GapParams say what a session is.
type GapParams struct {
	Gap string `query:"gap" json:"gap,omitempty" default:"30min" minLength:"1" doc:"Longest time from an event of a session to the next: 1min to 24h" example:"30min"`
}

const (
	minGap = time.Minute
	maxGap = 24 * time.Hour
)

func (p *GapParams) gap() (Duration, error) {
	gap, err := one("gap", p.Gap, func(text string) (time.Duration, error) { return syntax.ParseDuration(text, minGap, maxGap) })
	return Duration(gap), err
}

// UnitParams say what counts as a user.
type UnitParams struct {
	Unit string `query:"unit" json:"unit,omitempty" default:"user_id" minLength:"1" doc:"Field whose values are counted as users; events without it are left out"`
}

func (p *UnitParams) unit() (syntax.Field, error) { return one("unit", p.Unit, syntax.ParseField) }

// unitOf is a unit as scans have it.
func unitOf(unit syntax.Field) syntax.Field {
	if unit.Source == syntax.UserID {
		return syntax.Field{}
	}
	return unit
}
