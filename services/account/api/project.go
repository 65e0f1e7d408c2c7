package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/platform/server"
	"eventanalytics/services/account/store"
)

// list wraps rows so that an answer can grow other members later.
type list[T any] struct {
	Body struct {
		Data []T `json:"data" nullable:"false" doc:"All there are, oldest first where the operation does not say otherwise"`
	}
}

func listed[T any](rows []T, err error) (*list[T], error) {
	if err != nil {
		return nil, err
	}
	var l list[T]
	l.Body.Data = rows
	return &l, nil
}

// InProject is embedded in the input of operations on one project.
type InProject struct {
	ID int64 `path:"id" minimum:"1" doc:"Id of the project"`
}

// Resolve refuses a query that huma lets pass.
func (InProject) Resolve(ctx huma.Context) []error {
	if p := server.CheckQuery(ctx); p != nil {
		return []error{p}
	}
	return nil
}

func (h *handlers) registerProjects(api huma.API) {
	const forbidden, missing, conflict = http.StatusForbidden, http.StatusNotFound, http.StatusConflict
	huma.Register(api, own(huma.Operation{
		OperationID: "list-projects", Method: http.MethodGet, Path: "/api/projects",
		Summary: "List your projects",
	}, tagProjects), h.projects)
	huma.Register(api, own(huma.Operation{
		OperationID: "create-project", Method: http.MethodPost, Path: "/api/projects",
		Summary:       "Make a project",
		DefaultStatus: http.StatusCreated,
	}, tagProjects, conflict), h.createProject)
	huma.Register(api, own(huma.Operation{
		OperationID: "update-project", Method: http.MethodPatch, Path: "/api/projects/{id}",
		Summary:     "Change a project's name or settings",
		Description: "For owners. What is left out stays as it is. Questions follow a setting within a few seconds.",
	}, tagProjects, forbidden, missing), h.updateProject)

	huma.Register(api, own(huma.Operation{
		OperationID: "list-keys", Method: http.MethodGet, Path: "/api/projects/{id}/keys",
		Summary:     "List the API keys of a project",
		Description: "For owners; without the secrets, and with the ones revoked last. A key goes on working when the user who made it leaves.",
	}, tagProjects, forbidden, missing), h.keys)
	huma.Register(api, own(huma.Operation{
		OperationID: "create-key", Method: http.MethodPost, Path: "/api/projects/{id}/keys",
		Summary:       "Make an API key",
		Description:   "For owners. The key itself is in this answer only; it cannot be shown again.",
		DefaultStatus: http.StatusCreated,
	}, tagProjects, forbidden, missing, conflict), h.createKey)
	huma.Register(api, own(huma.Operation{
		OperationID: "revoke-key", Method: http.MethodDelete, Path: "/api/projects/{id}/keys/{key_id}",
		Summary:       "Revoke an API key",
		Description:   "For owners. It stops working within a few seconds, for good.",
		DefaultStatus: http.StatusNoContent,
	}, tagProjects, forbidden, missing), h.revokeKey)
}

func (h *handlers) projects(ctx context.Context, _ *struct{}) (*list[store.Project], error) {
	return listed(h.Sessions.Projects(ctx, auth.From(ctx).UserID))
}

type createProjectInput struct {
	Body struct {
		Name string `json:"name" minLength:"1" maxLength:"200" doc:"Name of the project" example:"Shop"`
	} `nameHint:"NewProject"`
}

type projectOutput struct {
	Body store.Project
}

func (h *handlers) createProject(ctx context.Context, in *createProjectInput) (*projectOutput, error) {
	p, err := h.Sessions.CreateProject(ctx, auth.From(ctx).UserID, in.Body.Name)
	if err != nil {
		return nil, err
	}
	return &projectOutput{Body: p}, nil
}

type updateProjectInput struct {
	InProject
	Body struct {
		Name      *string `json:"name,omitempty" minLength:"1" maxLength:"200" doc:"Name of the project" example:"Shop"`
		Timezone  *string `json:"timezone,omitempty" minLength:"1" maxLength:"100" doc:"The time zone that people look at the project in, an IANA name" example:"Europe/Kyiv"`
		WeekStart *string `json:"week_start,omitempty" enum:"monday,sunday,saturday" doc:"The day that weeks begin on where a question does not say"`
		Lake      *bool   `json:"lake,omitempty" doc:"Publish its events as an Iceberg table, which other engines read (docs/lake.md), where the operator has that switched on; false takes the table away"`
	} `nameHint:"ProjectChange"`
}

func (h *handlers) updateProject(ctx context.Context, in *updateProjectInput) (*projectOutput, error) {
	p, err := h.Sessions.UpdateProject(ctx, in.ID, auth.From(ctx).UserID, store.ProjectChange{Name: in.Body.Name, Timezone: in.Body.Timezone, WeekStart: in.Body.WeekStart, Lake: in.Body.Lake})
	if err != nil {
		return nil, err
	}
	return &projectOutput{Body: p}, nil
}

func (h *handlers) keys(ctx context.Context, in *InProject) (*list[store.APIKey], error) {
	return listed(h.Sessions.Keys(ctx, in.ID, auth.From(ctx).UserID))
}

type createKeyInput struct {
	InProject
	Body struct {
		Name    string     `json:"name" minLength:"1" maxLength:"200" doc:"What it is for" example:"web shop"`
		Scope   auth.Scope `json:"scope" enum:"ingest,read,browser,sql" doc:"ingest: post events; read: read analytics; sql: ask POST /api/sql alone; browser: post by vendors' SDKs alone, for web pages, where a key is public"`
		Origins []string   `json:"origins,omitempty" maxItems:"100" doc:"Origins of the pages that a browser key is for; any when empty" example:"[\"https://shop.example\"]"`
	} `nameHint:"NewKey"`
}

type keyOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         store.NewAPIKey
}

func (h *handlers) createKey(ctx context.Context, in *createKeyInput) (*keyOutput, error) {
	k, err := h.Sessions.CreateKey(ctx, in.ID, auth.From(ctx).UserID, in.Body.Name, in.Body.Scope, in.Body.Origins...)
	if err != nil {
		return nil, err
	}
	return &keyOutput{CacheControl: "no-store", Body: k}, nil
}

type revokeKeyInput struct {
	InProject
	KeyID int64 `path:"key_id" minimum:"1" doc:"Id of the key"`
}

func (h *handlers) revokeKey(ctx context.Context, in *revokeKeyInput) (*struct{}, error) {
	return nil, h.Sessions.RevokeKey(ctx, in.ID, auth.From(ctx).UserID, in.KeyID)
}
