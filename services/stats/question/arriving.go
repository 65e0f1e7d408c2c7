package question

import (
	"github.com/danielgtaylor/huma/v2"

	authhttp "eventanalytics/pkg/auth/http"
	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/platform/server"
	"eventanalytics/pkg/syntax"
)

// ArrivingParams are the parameters of what is no question about all events, but about
// each as it arrives.
type ArrivingParams struct {
	authhttp.ProjectParam
	Timezone string   `query:"timezone" default:"UTC" minLength:"1" doc:"IANA time zone of occurred_at, and of dates in conditions" example:"Europe/Kyiv"`
	Segment  []string `query:"segment,explode" maxItems:"50" nullable:"false" doc:"Condition on events, as in the latest events; it may be repeated, and all must hold"`
	Filter   []string `query:"filter,explode" maxItems:"100" nullable:"false" doc:"Filter on events, as in the latest events, but on event_type, user_id and properties only; it may be repeated, and all must hold"`
}

// Resolve refuses what huma lets pass.
func (p *ArrivingParams) Resolve(ctx huma.Context) []error {
	if p := server.CheckQuery(ctx, "segment", "filter"); p != nil {
		return []error{p}
	}
	return nil
}

// Which returns which events are meant. The error is a *ParamError.
func (p *ArrivingParams) Which() (*calendar.Zone, syntax.Filter, error) {
	all := FilterParams{OutputParams: OutputParams{Timezone: p.Timezone}, Segment: p.Segment, Filter: p.Filter}
	scope, err := all.scope()
	return scope.Timezone, scope.events().Filter, err
}
