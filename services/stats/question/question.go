// Package question has the questions that the service answers, each in a file of its
// own: its parameters, what they resolve to, its columns and how it is answered from
// an engine.Source. What is registered in All gets its routes, its part of the
// OpenAPI document, its formats, its place in the cache and its metrics from package
// stats.
package question

import (
	"context"
	"reflect"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	authhttp "eventanalytics/pkg/auth/http"
	"eventanalytics/services/stats/engine"
)

// All returns the questions, in the order of the documents.
func All() []Definition {
	return []Definition{dau, topEvents, retention, events, activeUsers, eventTypes, latestEvents, event, properties, propertyValues, trends, lifecycle, stickiness, funnels, sessions, paths, profiles, profile, timeline, restated, changes}
}

// Params are the parameters of a question, as read from the query or from JSON.
type Params interface {
	// Question checks the parameters and puts the defaults in. The error is a
	// *ParamError.
	Question(now time.Time) (Question, error)
	// Output returns those that every question has.
	Output() *OutputParams
}

// Question is a question with every parameter resolved, defaults included. Its JSON
// is what the answer says it was asked, and its fields are all that the rows depend
// on besides the data and, for a ClockDependent, the clock.
type Question interface {
	Columns() []Column
	Answer(context.Context, *engine.Source) (*Table, error)
}

// ClockDependent is a question whose rows depend on the clock, not on the data alone.
type ClockDependent interface {
	// ClockKey names what the rows owe to the clock: while it stays the same, so do the
	// rows of the same data.
	ClockKey(now, completeUntil time.Time) string
}

// Info describes a question.
type Info struct {
	// Name is its operation in the OpenAPI document, and its label in metrics.
	Name        string
	Path        string
	Summary     string
	Description string
	// Rows are the forms that its rows can have.
	Rows []Row
	// Shorten is the parameter that makes an answer shorter, which a refusal of one that
	// is too long names, and ShortenBy says how.
	Shorten, ShortenBy string
	// NotFound, if not empty, is what a 404 says instead of an answer without rows.
	NotFound string
	// Private says that the rows are single users or events, or about links between ids,
	// which no share of a board shows.
	Private bool
}

// Row is a form of rows, under its name in the OpenAPI document.
type Row struct {
	Schema  string
	Columns []Column
}

// Split says whether the rows also have columns of texts that are named by fields: those of
// a breakdown, or of users.
func (r Row) Split() bool {
	return slices.ContainsFunc(r.Columns, func(c Column) bool { return c.Name == groupColumn.Name || c.Name == cursorColumn.Name })
}

// Definition is a question as it is registered.
type Definition struct {
	Info
	// New makes empty parameters.
	New func() Params
	// Question is the type that the parameters resolve to.
	Question reflect.Type
	// Get and Post register an operation with the parameters in the path and the query,
	// or in JSON.
	Get, Post func(huma.API, huma.Operation, Handler)
}

// posted are parameters in JSON.
type posted[P any] struct {
	authhttp.ProjectParam
	Body P
}

// Handler answers a request for a question.
type Handler func(context.Context, Params) (*huma.StreamResponse, error)

// define makes the definition of question Q with parameters P.
func define[P any, Q Question, PP interface {
	*P
	Params
}](info Info) Definition {
	return Definition{
		Info:     info,
		New:      func() Params { return PP(new(P)) },
		Question: reflect.TypeFor[Q](),
		Get: func(api huma.API, op huma.Operation, handle Handler) {
			huma.Register(api, op, func(ctx context.Context, in *P) (*huma.StreamResponse, error) {
				return handle(ctx, PP(in))
			})
		},
		Post: func(api huma.API, op huma.Operation, handle Handler) {
			huma.Register(api, op, func(ctx context.Context, in *posted[P]) (*huma.StreamResponse, error) {
				return handle(ctx, PP(&in.Body))
			})
		},
	}
}
