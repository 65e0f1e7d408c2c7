// Package people has the routes by which callers themselves say which ids are one person.
package people

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"eventanalytics/pkg/auth"
	authhttp "eventanalytics/pkg/auth/http"
	"eventanalytics/pkg/identity"
	"eventanalytics/pkg/identity/links"
	"eventanalytics/pkg/platform/problem"
	"eventanalytics/pkg/platform/ratelimit"
	"eventanalytics/pkg/platform/server"
	"eventanalytics/services/ingest/intake"
)

const tag = "Identity"

// Register adds the routes to srv, whose middleware must be in use.
func Register(srv *server.Server, in *intake.Intake) {
	h := &handlers{in}
	write := func(op huma.Operation) huma.Operation {
		op.Tags, op.DefaultStatus = []string{tag}, http.StatusAccepted
		op.Errors = []int{
			http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType,
			http.StatusUnprocessableEntity, http.StatusServiceUnavailable,
		}
		return ratelimit.Limited(authhttp.Secured(op, auth.ScopeIngest), ratelimit.ClassIngest)
	}
	huma.Register(srv.API, write(huma.Operation{
		OperationID: "link-ids", Method: http.MethodPost, Path: "/api/identity/links",
		Summary: "Say that two ids are one user",
		Description: "from is the same person as to from now on, in all statistics, also of past days; even if both were known users. " +
			"An id can be linked once, and ids that stand for nobody, such as null, never: GET /api/identity/links?refused=true says why a link was refused.",
	}), h.link)
	huma.Register(srv.API, write(huma.Operation{
		OperationID: "unlink-ids", Method: http.MethodDelete, Path: "/api/identity/links/{link}",
		Summary:     "Take a link back",
		Description: "The two ids are two users again, in all statistics. What SDKs send later does not link them again.",
	}), h.unlink)
	huma.Register(srv.API, ratelimit.Limited(authhttp.Secured(huma.Operation{
		OperationID: "list-links", Method: http.MethodGet, Path: "/api/identity/links",
		Summary:     "List links between ids",
		Description: "The newest first: those that SDKs made and those that callers made, or those that were refused.",
		Tags:        []string{tag}, Errors: []int{http.StatusUnprocessableEntity, http.StatusServiceUnavailable},
	}, auth.ScopeRead), ratelimit.ClassStats), h.list)
}

type handlers struct{ intake *intake.Intake }

type linkInput struct {
	authhttp.ProjectParam
	Body struct {
		From string `json:"from" doc:"An id as events have it; 1 to 200 characters"`
		To   string `json:"to" doc:"The id that stands for the person"`
	} `nameHint:"NewLink"`
}

type claimedOutput struct {
	Body struct {
		Position string `json:"position" doc:"Pass it as min_position to stats routes for answers in which it counts"`
	} `nameHint:"Claimed"`
}

// checkID says what is wrong with an id that is to be linked.
func checkID(field, id string) error {
	switch {
	case !identity.Possible(id):
		return problem.Invalid("invalid-field", field, "must have 1 to 200 characters")
	case strings.ContainsRune(id, 0):
		return problem.Invalid("invalid-character", field, `may not hold \u0000`)
	case identity.IsJunk(id):
		return problem.Invalid("junk", field, "does not stand for one user: it is never linked")
	}
	return nil
}

func (h *handlers) link(ctx context.Context, in *linkInput) (*claimedOutput, error) {
	if err := checkID("from", in.Body.From); err != nil {
		return nil, err
	}
	if err := checkID("to", in.Body.To); err != nil {
		return nil, err
	}
	if in.Body.From == in.Body.To {
		return nil, problem.Invalid("invalid-field", "to", "must differ from from")
	}
	return claimed(h.intake.Merge(ctx, auth.From(ctx), in.Body.From, in.Body.To))
}

type unlinkInput struct {
	authhttp.ProjectParam
	Link int64 `path:"link" minimum:"1" doc:"Number of the link"`
}

func (h *handlers) unlink(ctx context.Context, in *unlinkInput) (*claimedOutput, error) {
	return claimed(h.intake.Unlink(ctx, auth.From(ctx), in.Link))
}

func claimed(position string, err error) (*claimedOutput, error) {
	switch {
	case errors.Is(err, links.ErrNoLink):
		return nil, problem.New(http.StatusNotFound, "not-found", "the project has no such link, or it was taken back")
	case err != nil:
		return nil, err
	}
	out := &claimedOutput{}
	out.Body.Position = position
	return out, nil
}

// Link as clients see it.
type Link struct {
	ID        string    `json:"id" doc:"Number of the link"`
	From      string    `json:"from" doc:"The id that is linked"`
	To        string    `json:"to" doc:"What it is linked to"`
	MadeBy    string    `json:"made_by" doc:"The protocol of the SDK that said so, or api"`
	MadeAt    time.Time `json:"made_at" doc:"When it was said"`
	Refused   string    `json:"refused,omitempty" enum:"already-linked,known,junk,cycle,too-many" doc:"Why it does not count: from is linked already; from is a known user, which an SDK does not link; an id stands for nobody; to is of the same person; the project has as many links as it may"`
	TakenBack bool      `json:"taken_back" doc:"It does not count any more"`
}

type listInput struct {
	authhttp.ProjectParam
	Refused bool   `query:"refused" default:"false" doc:"Refused links in place of those that count"`
	ID      string `query:"id" maxLength:"200" doc:"Only links from or to this id"`
	Limit   int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"Maximum links"`
	After   string `query:"after" maxLength:"20" doc:"Only links after those of a page: its next"`
}

// Resolve checks what huma accepts.
func (*listInput) Resolve(ctx huma.Context) []error {
	if p := server.CheckQuery(ctx); p != nil {
		return []error{p}
	}
	return nil
}

type listOutput struct {
	Body struct {
		Data []Link `json:"data" doc:"The links"`
		Next string `json:"next,omitempty" doc:"Pass it as after for the next page; absent when this was the last"`
	} `nameHint:"Links"`
}

func (h *handlers) list(ctx context.Context, in *listInput) (*listOutput, error) {
	if strings.ContainsRune(in.ID, 0) {
		return nil, problem.Invalid("invalid-parameter", "id", `may not hold \u0000`)
	}
	which := links.Which{Refused: in.Refused, Of: in.ID, Most: in.Limit + 1}
	if in.After != "" {
		after, err := strconv.ParseInt(in.After, 10, 64)
		if err != nil || after < 1 {
			return nil, problem.Invalid("invalid-parameter", "after", "must be the next of a page")
		}
		which.Before = after
	}
	all, err := h.intake.Links(ctx, auth.From(ctx), which)
	if err != nil {
		return nil, err
	}
	out := &listOutput{}
	if len(all) > in.Limit {
		all = all[:in.Limit]
		out.Body.Next = strconv.FormatInt(all[in.Limit-1].ID, 10)
	}
	out.Body.Data = make([]Link, len(all))
	for i, l := range all {
		out.Body.Data[i] = Link{
			ID: strconv.FormatInt(l.ID, 10), From: l.From, To: l.To, MadeBy: l.MadeBy, MadeAt: l.MadeAt.UTC(),
			Refused: string(l.Refused), TakenBack: l.TakenBack,
		}
	}
	return out, nil
}
