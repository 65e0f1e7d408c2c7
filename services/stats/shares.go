package stats

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/jackc/pgx/v5"

	"eventanalytics/pkg/auth"
	authhttp "eventanalytics/pkg/auth/http"
	"eventanalytics/pkg/cohort"
	"eventanalytics/pkg/platform/ratelimit"
	"eventanalytics/pkg/platform/server"
	"eventanalytics/pkg/refusal"
	"eventanalytics/pkg/share"
	"eventanalytics/services/stats/engine"
	"eventanalytics/services/stats/inflight"
	"eventanalytics/services/stats/question"
)

// OnBoard is embedded in the input of operations on the shares of a board.
type OnBoard struct {
	ID    int64 `path:"id" minimum:"1" doc:"Id of the project"`
	Board int64 `path:"board" minimum:"1" doc:"Id of the board"`
}

// Resolve refuses a query that huma lets pass.
func (OnBoard) Resolve(ctx huma.Context) []error {
	if p := server.CheckQuery(ctx); p != nil {
		return []error{p}
	}
	return nil
}

func (b OnBoard) place(ctx context.Context) share.Place {
	return share.Place{Project: b.ID, Board: b.Board, User: auth.From(ctx).UserID}
}

// OnShare is embedded in those of operations on one share.
type OnShare struct {
	OnBoard
	Share int64 `path:"share" minimum:"1" doc:"Id of the share"`
}

type newShareInput struct {
	OnBoard
	Body struct {
		Dates share.Dates `json:"dates,omitempty" default:"moving" enum:"still,moving" doc:"What relative dates, such as -30d, are relative to: still: now, for good; moving: when they are asked"`
		Days  int         `json:"days,omitempty" default:"90" minimum:"1" maximum:"366" doc:"For how many days the link works"`
	} `nameHint:"ShareOptions"`
}

type newShareOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         share.NewShare
}

type shareChangeInput struct {
	OnShare
	Body struct {
		Version int64 `json:"version" minimum:"1" doc:"The version of the board that the link is to show, which must be the present one"`
	} `nameHint:"ShareChange"`
}

type shareOutput struct{ Body share.Share }

type sharesOutput struct {
	Body struct {
		Data []share.Share `json:"data" nullable:"false" doc:"Those that work, oldest first"`
	} `nameHint:"Shares"`
}

// registerShares adds the routes on the shares of boards. They are here and not in the
// account service because only the questions know whether they can be shared.
func (s *Service) registerShares(api huma.API) {
	const all, one = "/api/projects/{id}/boards/{board}/shares", "/api/projects/{id}/boards/{board}/shares/{share}"
	const rule = "What lists single users or events, or names user_id, cannot be shared, nor cohorts that do: 422 names the tile."
	operation := func(op huma.Operation, errors ...int) huma.Operation {
		op.Tags, op.MaxBodyBytes = []string{"Projects"}, inflight.RequestBytes
		op.Errors = append(errors, http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusServiceUnavailable)
		return ratelimit.Limited(authhttp.Secured(op, auth.ScopeAccount), ratelimit.ClassAccount)
	}
	withBody := []int{http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType}
	huma.Register(api, operation(huma.Operation{
		OperationID: "list-shares", Method: http.MethodGet, Path: all, Summary: "List the shares of a board",
		Description: "For owners and editors; without the secrets.",
	}), func(ctx context.Context, in *OnBoard) (*sharesOutput, error) {
		out := &sharesOutput{}
		var err error
		out.Body.Data, err = share.List(ctx, s.pool, in.place(ctx))
		return out, err
	})
	huma.Register(api, operation(huma.Operation{
		OperationID: "create-share", Method: http.MethodPost, Path: all, Summary: "Share a board by a link",
		Description: "For owners and editors. Whoever has the secret sees the board as it is now, without an account: GET /api/share. Later changes of the board are not shown until the share is changed. " +
			rule + " The secret is in this answer only; it cannot be shown again.",
		DefaultStatus: http.StatusCreated,
	}, withBody...), func(ctx context.Context, in *newShareInput) (*newShareOutput, error) {
		made, err := share.Create(ctx, s.pool, in.place(ctx), share.Options{Dates: in.Body.Dates, Days: in.Body.Days}, s.shareable(in.ID))
		if err != nil {
			return nil, err
		}
		return &newShareOutput{"no-store", made}, nil
	})
	huma.Register(api, operation(huma.Operation{
		OperationID: "update-share", Method: http.MethodPatch, Path: one, Summary: "Have a share show the board as it is now",
		Description: "For owners and editors. The link stays the same. 409 when the board has another version than the one named. " + rule,
	}, withBody...), func(ctx context.Context, in *shareChangeInput) (*shareOutput, error) {
		changed, err := share.Update(ctx, s.pool, in.place(ctx), in.Share, in.Body.Version, s.shareable(in.ID))
		if err != nil {
			return nil, err
		}
		return &shareOutput{changed}, nil
	})
	huma.Register(api, operation(huma.Operation{
		OperationID: "delete-share", Method: http.MethodDelete, Path: one, Summary: "Revoke a share",
		Description: "For owners and editors. The link stops working at once, for good.", DefaultStatus: http.StatusNoContent,
	}), func(ctx context.Context, in *OnShare) (*struct{}, error) {
		return nil, share.Delete(ctx, s.pool, in.place(ctx), in.Share)
	})
}

// shareable refuses a board of a project with a tile that cannot be shared, or cannot be asked
// at all.
func (s *Service) shareable(project int64) share.Check {
	return func(ctx context.Context, tx pgx.Tx, timezone string, content share.Content) error {
		var cohorts map[string]engine.Cohort // once a tile names one
		for i, tile := range content.Tiles {
			if tile.Question == nil {
				continue
			}
			q, err := s.ask(content.Range, timezone, *tile.Question, question.Asked{}, s.now())
			if err == nil && len(q.cohorts) > 0 {
				if cohorts == nil {
					all, err := cohort.Read(ctx, tx, project)
					if err != nil {
						return err
					}
					cohorts = s.cohorts.named(project, all, "", nil)
				}
				err = showableCohorts(q.cohorts, cohorts)
			}
			if err != nil {
				return cannotShare(i, tile.ID, err)
			}
		}
		return nil
	}
}

// cannotShare names the tile that cannot be shared.
func cannotShare(i int, id string, err error) error {
	at := fmt.Sprintf("tiles[%d].question.", i)
	var parameter *question.ParamError
	if errors.As(err, &parameter) {
		return refusal.InvalidField("cannot-be-shared", at+"params."+parameter.Name, parameter.Message+" (tile "+id+")")
	}
	if errors.Is(err, question.ErrNoQuestion) || errors.Is(err, errPrivate) {
		return refusal.InvalidField("cannot-be-shared", at+"route", err.Error()+" (tile "+id+")")
	}
	return err
}

var errPrivate = errors.New("lists single users or events, which cannot be shared")

// shownQuestion is a tile's question as those who have a share ask it.
type shownQuestion struct {
	question.Definition
	params  question.Params
	cohorts []cohort.Place // that it names
}

// ask reads a tile's question for those who have a share, and refuses what cannot be shared
// whatever its cohorts are. The dates of the board win over the question's own; timezone is
// the project's.
func (s *Service) ask(dates share.BoardRange, timezone string, tile share.TileQuestion, asked question.Asked, now time.Time) (q shownQuestion, err error) {
	q.Definition, q.params, err = s.stored.Read(tile.Route, tile.Params)
	if err != nil {
		return q, err
	}
	if q.Private {
		return q, errPrivate
	}
	asked.From, asked.To = dates.Dates()
	asked.Timezone = zoneOf(dates, tile, timezone)
	asked.Ask(q.params)
	resolved, err := q.params.Question(q.params.Output().Now(now))
	if err != nil {
		return q, err
	}
	if where := question.NamesUsers(resolved); where != "" {
		return q, &question.ParamError{Name: where, Message: "is about single users (user_id), who cannot be shared"}
	}
	q.cohorts = question.Cohorts(resolved)
	return q, nil
}

// zoneOf is the zone that a tile is asked in: the board's, else its own, else the project's.
func zoneOf(dates share.BoardRange, tile share.TileQuestion, project string) string {
	own, _ := tile.Params["timezone"].(string)
	return cmp.Or(dates.Timezone, own, project)
}

// showableCohorts refuses cohorts by which a share would show single users: lists of them,
// and filters that name user_id, themselves or by another cohort.
func showableCohorts(named []cohort.Place, all map[string]engine.Cohort) error {
	for _, p := range named {
		one, ok := all[p.Name]
		switch {
		case !ok:
			return &question.ParamError{Name: p.Path, Message: "names the cohort " + p.Name + ", which the project does not have"}
		case isOfUsers(one, all, map[string]bool{p.Name: true}):
			return &question.ParamError{Name: p.Path, Message: "names the cohort " + p.Name + ", which is a list of users or names user_id: it cannot be shared"}
		}
	}
	return nil
}

// isOfUsers reports whether a cohort names users. seen are the names of those that were looked
// at.
func isOfUsers(one engine.Cohort, all map[string]engine.Cohort, seen map[string]bool) bool {
	if one.Users != nil || question.FilterNamesUsers(one.Filter) {
		return true
	}
	return slices.ContainsFunc(cohort.Places("", one.Filter), func(p cohort.Place) bool {
		if seen[p.Name] {
			return false
		}
		seen[p.Name] = true
		return isOfUsers(all[p.Name], all, seen)
	})
}
