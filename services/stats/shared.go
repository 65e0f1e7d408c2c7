package stats

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/platform/problem"
	"eventanalytics/pkg/platform/ratelimit"
	"eventanalytics/pkg/platform/server"
	"eventanalytics/pkg/share"
	"eventanalytics/services/stats/question"
)

// registerShared adds the routes for those who have the secret of a share and nothing else.
func (s *Service) registerShared(api huma.API, limiter *ratelimit.Limiter) {
	operation := func(op huma.Operation, errors ...int) huma.Operation {
		op.Tags = []string{"Shares"}
		op.Security = []map[string][]string{{server.ShareScheme: {}}}
		op.Errors = append(errors, http.StatusBadRequest, http.StatusUnauthorized, http.StatusUnprocessableEntity, http.StatusServiceUnavailable)
		// Guesses count as well: the address's limit comes before the secret is looked at.
		op.Middlewares = huma.Middlewares{s.openShare, ratelimit.Also(limiter, ratelimit.ClassShare)}
		return ratelimit.Limited(op, ratelimit.ClassShareAddress)
	}
	huma.Register(api, operation(huma.Operation{
		OperationID: "share", Method: http.MethodGet, Path: "/api/share", Summary: "The board that a share shows",
		Description: "As it was at as_of, with the time zones that its questions are asked in: the board's, else their own, else the project's. 401 for every secret that opens nothing, whether the share expired, was revoked or never was.",
	}), showShare)
	huma.Register(api, operation(huma.Operation{
		OperationID: "share-tile", Method: http.MethodGet, Path: "/api/share/tiles/{tile}", Summary: "The answer to the question of a tile",
		Description: "What the question answers to a member of the project. The dates of the board take the place of the question's own.",
		Responses:   responses(api.OpenAPI().Components.Schemas, shownRows()),
	}, http.StatusNotFound), s.answerTile)
}

// shownRows are the forms of rows that tiles can have.
func shownRows() (rows []question.Row) {
	for _, d := range question.All() {
		if !d.Private {
			rows = append(rows, d.Rows...)
		}
	}
	return rows
}

type openedKey struct{}

// opened is the share that the request was let through for.
func opened(ctx context.Context) share.Opened { return ctx.Value(openedKey{}).(share.Opened) }

// openShare lets requests with the secret of a share through, as callers who may see its
// board and nothing else.
func (s *Service) openShare(ctx huma.Context, next func(huma.Context)) {
	ctx.AppendHeader("Vary", "Authorization")
	o, err := s.readShare(ctx)
	if err != nil {
		server.Refuse(ctx, err)
		return
	}
	server.RequestFrom(ctx.Context()).ProjectID = o.Project
	known := auth.With(ctx.Context(), auth.Principal{ShareID: o.ID, ProjectID: o.Project, WeekStart: o.WeekStart})
	next(huma.WithContext(ctx, context.WithValue(known, openedKey{}, o)))
}

// readShare opens the share whose secret a request has. A cookie or project in it means nothing.
func (s *Service) readShare(ctx huma.Context) (o share.Opened, err error) {
	headers := server.HTTPRequest(ctx).Header
	given := headers.Values("Authorization")
	if len(given)+len(headers.Values("X-API-Key")) > 1 {
		return o, problem.New(http.StatusBadRequest, "ambiguous-credentials", "send one credential: one Authorization header with the scheme Share")
	}
	err = auth.Unauthorized("send the secret of the link as Authorization: Share eas_…")
	if len(given) == 1 {
		if scheme, secret, _ := strings.Cut(given[0], " "); strings.EqualFold(scheme, "Share") {
			o, err = share.Open(ctx.Context(), s.pool, strings.TrimSpace(secret))
		}
	}
	if err == nil {
		return o, nil
	}
	p := problem.From(err)
	if p.Status == http.StatusUnauthorized {
		p = p.WithHeader("WWW-Authenticate", "Share")
	}
	return o, p
}

// sharedQuery refuses a query that huma lets pass.
type sharedQuery struct{}

// Resolve does.
func (sharedQuery) Resolve(ctx huma.Context) []error {
	if p := server.CheckQuery(ctx); p != nil {
		return []error{p}
	}
	return nil
}

type sharedOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         share.SharedBoard
}

func showShare(ctx context.Context, _ *sharedQuery) (*sharedOutput, error) {
	o := opened(ctx)
	board := o.SharedBoard
	for _, t := range board.Tiles {
		if t.Question != nil && t.Question.Params != nil {
			t.Question.Params["timezone"] = zoneOf(board.Range, *t.Question, o.Timezone)
		}
	}
	board.Range.Timezone = cmp.Or(board.Range.Timezone, o.Timezone)
	board.Range.From, board.Range.To = board.Range.Dates()
	if board.Dates == share.Still {
		board.Range.From = question.FixedDay(board.Range.From, board.Range.Timezone, board.AsOf)
		board.Range.To = question.FixedDay(board.Range.To, board.Range.Timezone, board.AsOf)
	}
	return &sharedOutput{"private, no-cache", board}, nil
}

type tileInput struct {
	sharedQuery
	Tile    string `path:"tile" pattern:"^[A-Za-z0-9_-]{1,36}$" doc:"Id of the tile" example:"t1"`
	Format  string `query:"format" enum:"json,csv,ndjson,parquet" doc:"Format of the answer; without it the Accept header decides, JSON by default"`
	CSVText string `query:"csv_text" enum:"safe,raw" doc:"Texts in CSV, as for questions"`
	headers question.Headers
}

// Resolve also reads what a question reads of its request.
func (in *tileInput) Resolve(ctx huma.Context) []error {
	in.headers = question.HeadersOf(ctx)
	return in.sharedQuery.Resolve(ctx)
}

// answerTile asks the question of a tile as a member of the project would.
func (s *Service) answerTile(ctx context.Context, in *tileInput) (*huma.StreamResponse, error) {
	o := opened(ctx)
	at := slices.IndexFunc(o.Tiles, func(t share.Tile) bool { return t.ID == in.Tile && t.Question != nil })
	if at < 0 {
		return nil, problem.NotFound("the link shows no question of that id")
	}
	asked := question.Asked{Format: in.Format, CSVText: in.CSVText, Headers: in.headers}
	if o.Dates == share.Still {
		asked.At = o.AsOf
	}
	q, err := s.ask(o.Range, o.Timezone, *o.Tiles[at].Question, asked, s.now())
	if err != nil {
		return nil, asProblem(ctx, q.Definition, err)
	}
	r, err := s.respond(ctx, q.Definition, q.params)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: r.write}, nil
}
