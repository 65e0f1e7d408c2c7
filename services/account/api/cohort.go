package api

import (
	"context"
	"encoding/csv"
	"errors"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/cohort"
	"eventanalytics/pkg/platform/problem"
	"eventanalytics/pkg/platform/server"
	"eventanalytics/pkg/refusal"
	"eventanalytics/services/account/store"
)

const (
	csvType = "text/csv"
	// maxCohortBody has room for a million ids of some 30 bytes.
	maxCohortBody = 32 << 20
	cohortTimeout = time.Minute
)

func (h *handlers) registerCohorts(api huma.API) {
	const forbidden, missing, conflict, changed = http.StatusForbidden, http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed
	schemas := api.OpenAPI().Components.Schemas
	created := map[string]*huma.Response{strconv.Itoa(http.StatusCreated): {
		Description: "The cohort is new", Content: map[string]*huma.MediaType{jsonType: {Schema: schemas.Schema(reflect.TypeFor[cohort.Cohort](), true, "Cohort")}},
	}}
	huma.Register(api, own(huma.Operation{
		OperationID: "list-cohorts", Method: http.MethodGet, Path: "/api/projects/{id}/cohorts",
		Summary: "List the cohorts of a project",
	}, tagProjects, missing), h.cohorts)
	huma.Register(api, own(huma.Operation{
		OperationID: "cohort", Method: http.MethodGet, Path: "/api/projects/{id}/cohorts/{name}",
		Summary: "A cohort",
	}, tagProjects, missing), h.cohort)
	huma.Register(api, h.large(own(huma.Operation{
		OperationID: "set-cohort", Method: http.MethodPut, Path: "/api/projects/{id}/cohorts/{name}",
		Summary: "Make a cohort, or replace it",
		Description: "For owners and editors. A cohort is a filter on users, which each question evaluates to the end of its range, or a list of at most 1,000,000 user ids. " +
			"Filters name it as cohort:NAME; questions follow a change within a few seconds. With If-Match the cohort must have that ETag.",
		RequestBody:      &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{jsonType: {Schema: cohortSchema()}}},
		SkipValidateBody: true, Responses: created,
	}, tagProjects, forbidden, missing, conflict, changed)), h.setCohort)
	huma.Register(api, own(huma.Operation{
		OperationID: "delete-cohort", Method: http.MethodDelete, Path: "/api/projects/{id}/cohorts/{name}",
		Summary:       "Delete a cohort",
		Description:   "For owners and editors. One that another cohort names stays.",
		DefaultStatus: http.StatusNoContent,
	}, tagProjects, forbidden, missing, conflict, changed), h.deleteCohort)
	huma.Register(api, own(huma.Operation{
		OperationID: "cohort-users", Method: http.MethodGet, Path: "/api/projects/{id}/cohorts/{name}/users",
		Summary: "The user ids of a list, as CSV",
		Responses: map[string]*huma.Response{strconv.Itoa(http.StatusOK): {
			Description: "One id in each row, after the header user_id", Content: map[string]*huma.MediaType{csvType: {Schema: &huma.Schema{Type: huma.TypeString}}},
		}},
	}, tagProjects, missing, conflict), h.cohortUsers)
	huma.Register(api, h.large(own(huma.Operation{
		OperationID: "set-cohort-users", Method: http.MethodPut, Path: "/api/projects/{id}/cohorts/{name}/users",
		Summary:          "Make a cohort of a list of user ids as CSV, or replace its users",
		Description:      "For owners and editors. One id in each row; a first row user_id is a header. A cohort that exists keeps its description.",
		RequestBody:      &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{csvType: {Schema: &huma.Schema{Type: huma.TypeString}}}},
		SkipValidateBody: true, Responses: created,
	}, tagProjects, forbidden, missing, conflict, changed)), h.setCohortUsers)
}

// large lets an operation have a large body, one at a time: a list takes some hundred
// megabytes while it is read. It is read for editors alone.
func (h *handlers) large(op huma.Operation) huma.Operation {
	op.MaxBodyBytes, op.BodyReadTimeout = maxCohortBody, cohortTimeout
	op.Middlewares = append(op.Middlewares, func(ctx huma.Context, next func(huma.Context)) {
		if project, err := strconv.ParseInt(ctx.Param("id"), 10, 64); err == nil {
			if err := h.Sessions.MayEdit(ctx.Context(), project, auth.From(ctx.Context()).UserID); err != nil {
				server.Refuse(ctx, err)
				return
			}
		}
		if size, err := strconv.Atoi(ctx.Header("Content-Length")); err == nil && size >= 0 && size <= maxBody {
			next(ctx)
			return
		}
		select {
		case h.lists <- struct{}{}:
			defer func() { <-h.lists }()
			next(ctx)
		default:
			server.Refuse(ctx, problem.Unavailable("busy", "another list is being read; try again", 2*time.Second, nil))
		}
	})
	return op
}

// InCohort is embedded in the input of operations on one cohort.
type InCohort struct {
	InProject
	Name string `path:"name" maxLength:"64" doc:"Name of the cohort: a–z, 0–9, _ and -, of which the first is a letter or digit" example:"paying"`
}

// Matching is embedded in the input of operations that change what has an ETag.
type Matching struct {
	IfMatch string `header:"If-Match" doc:"The ETag that it must have"`
}

// version is that of the ETag; nil is any.
func (m Matching) version() (*int64, error) {
	if m.IfMatch == "" {
		return nil, nil
	}
	n, err := strconv.ParseInt(strings.Trim(m.IfMatch, `"`), 10, 64)
	if err != nil || m.IfMatch != etagOf(n) {
		return nil, errChanged
	}
	return &n, nil
}

func etagOf(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

var errChanged = problem.New(http.StatusPreconditionFailed, refusal.CodeChanged, "it does not have the version that If-Match names: read it again")

type cohortOutput struct {
	Status int
	ETag   string `header:"ETag"`
	Body   cohort.Cohort
}

func shown(c cohort.Cohort, created bool, err error) (*cohortOutput, error) {
	if err != nil {
		return nil, preconditioned(err)
	}
	out := &cohortOutput{Status: http.StatusOK, ETag: etagOf(c.Version), Body: c}
	if created {
		out.Status = http.StatusCreated
	}
	return out, nil
}

// preconditioned is 412 for another version than that of If-Match.
func preconditioned(err error) error {
	var refused *refusal.Error
	if errors.As(err, &refused) && refused.Code == refusal.CodeChanged {
		return problem.New(http.StatusPreconditionFailed, refused.Code, refused.Detail)
	}
	return err
}

func (h *handlers) cohorts(ctx context.Context, in *InProject) (*list[cohort.Cohort], error) {
	return listed(h.Sessions.Cohorts(ctx, in.ID, auth.From(ctx).UserID))
}

func (h *handlers) cohort(ctx context.Context, in *InCohort) (*cohortOutput, error) {
	c, err := h.Sessions.Cohort(ctx, in.ID, auth.From(ctx).UserID, in.Name)
	return shown(c, false, err)
}

type setCohortInput struct {
	InCohort
	Matching
	ContentType string `header:"Content-Type" hidden:"true"` // the document has it as that of the body
	RawBody     []byte
}

func (h *handlers) setCohort(ctx context.Context, in *setCohortInput) (*cohortOutput, error) {
	if !isType(in.ContentType, jsonType) {
		return nil, problem.New(http.StatusUnsupportedMediaType, "unsupported-media-type", "Content-Type must be "+jsonType)
	}
	change, err := readCohort(in.RawBody)
	if err != nil {
		return nil, err
	}
	return h.change(ctx, in, change)
}

func (h *handlers) setCohortUsers(ctx context.Context, in *setCohortInput) (*cohortOutput, error) {
	if !isType(in.ContentType, csvType) {
		return nil, problem.New(http.StatusUnsupportedMediaType, "unsupported-media-type", "Content-Type must be "+csvType)
	}
	users, err := readCSV(in.RawBody)
	if err != nil {
		return nil, err
	}
	return h.change(ctx, in, store.CohortChange{Users: users})
}

func isType(contentType, want string) bool {
	mediaType, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.TrimSpace(mediaType), want)
}

func (h *handlers) change(ctx context.Context, in *setCohortInput, change store.CohortChange) (*cohortOutput, error) {
	version, err := in.version()
	if err != nil {
		return nil, err
	}
	return shown(h.Sessions.SetCohort(ctx, in.ID, auth.From(ctx).UserID, in.Name, version, change))
}

type deleteCohortInput struct {
	InCohort
	Matching
}

func (h *handlers) deleteCohort(ctx context.Context, in *deleteCohortInput) (*struct{}, error) {
	version, err := in.version()
	if err != nil {
		return nil, err
	}
	return nil, preconditioned(h.Sessions.DeleteCohort(ctx, in.ID, auth.From(ctx).UserID, in.Name, version))
}

func (h *handlers) cohortUsers(ctx context.Context, in *InCohort) (*huma.StreamResponse, error) {
	user := auth.From(ctx).UserID
	return &huma.StreamResponse{Body: func(out huma.Context) {
		var w *csv.Writer
		begin := func() error {
			if w != nil {
				return nil
			}
			out.SetHeader("Content-Type", csvType+"; charset=utf-8")
			w = csv.NewWriter(out.BodyWriter())
			return w.Write([]string{userColumn})
		}
		err := h.Sessions.CohortUsers(ctx, in.ID, user, in.Name, func(users []string) error {
			if err := begin(); err != nil {
				return err
			}
			for _, user := range users {
				if err := w.Write([]string{user}); err != nil {
					return err
				}
			}
			w.Flush()
			return w.Error()
		})
		if err == nil {
			err = begin() // an empty list
		}
		switch {
		case w != nil && err == nil:
			w.Flush()
		case w == nil:
			server.Refuse(out, err)
		default:
			panic(http.ErrAbortHandler) // an answer that is cut short must not look complete
		}
	}}, nil
}
