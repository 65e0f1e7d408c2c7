package stats

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"eventanalytics/pkg/auth"
	authhttp "eventanalytics/pkg/auth/http"
	"eventanalytics/pkg/platform/problem"
	"eventanalytics/pkg/platform/ratelimit"
	"eventanalytics/pkg/platform/server"
	"eventanalytics/pkg/traits"
	"eventanalytics/pkg/traits/traitlog"
)

// Group is what operations say of a group.
type Group struct {
	Type       string                     `json:"type" doc:"Type of the group"`
	Key        string                     `json:"key" doc:"Key of the group"`
	Properties map[string]json.RawMessage `json:"properties" doc:"Its properties, as operations of SDKs say them now"`
}

type groupInput struct {
	authhttp.ProjectParam
	Type string `path:"type" minLength:"1" maxLength:"200" doc:"Type of the group"`
	Key  string `path:"key" minLength:"1" maxLength:"200" doc:"Key of the group"`
}

// Resolve refuses a query that huma lets pass.
func (*groupInput) Resolve(ctx huma.Context) []error {
	if p := server.CheckQuery(ctx); p != nil {
		return []error{p}
	}
	return nil
}

type groupOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         Group
}

// registerGroups adds the route for groups. It is no question: no event is read for it.
func (s *Service) registerGroups(api huma.API) {
	op := huma.Operation{
		OperationID: "group", Method: http.MethodGet, Path: "/api/groups/{type}/{key}", Summary: "One group",
		Description: "What operations of SDKs say of a group. 404 when none named it, be it for a user of it.",
		Tags:        []string{"Analytics"},
		Errors:      []int{http.StatusBadRequest, http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusServiceUnavailable},
	}
	huma.Register(api, ratelimit.Limited(authhttp.Secured(op, auth.ScopeRead), ratelimit.ClassStats), func(ctx context.Context, in *groupInput) (*groupOutput, error) {
		g, err := s.group(ctx, auth.From(ctx).ProjectID, in.Type, in.Key)
		if err != nil {
			return nil, err
		}
		return &groupOutput{"private, no-cache", g}, nil
	})
}

func (s *Service) group(ctx context.Context, project int64, groupType, key string) (Group, error) {
	all, err := traitlog.Of(ctx, s.pool, project, traits.Group, groupType, key)
	if err != nil {
		return Group{}, unread("properties", err)
	}
	if len(all[0]) == 0 {
		has, err := traitlog.HasMembers(ctx, s.pool, project, groupType, key)
		if err != nil {
			return Group{}, unread("properties", err)
		}
		if !has {
			return Group{}, problem.NotFound("the project has no such group, or what names it is not visible yet")
		}
	}
	g := Group{groupType, key, map[string]json.RawMessage{}}
	for name, p := range all[0] {
		if p.Value != "" {
			g.Properties[name] = json.RawMessage(p.Value)
		}
	}
	return g, nil
}
