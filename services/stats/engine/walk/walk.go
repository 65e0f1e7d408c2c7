// Package walk serves scans by going through each user's events in their order, from the
// files of events by user that are beside segments. Filters and fields are made ready for
// the values that files have under codes, once for each value, so that an event costs a
// few look-ups in tables.
package walk

import (
	"context"
	"errors"
	"fmt"

	"github.com/RoaringBitmap/roaring/v2"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/syntax"
	"eventanalytics/pkg/warehouse/walk"
	"eventanalytics/services/stats/engine"
)

// Limits bound what scans take of a replica.
type Limits interface {
	// Do runs a scan of a project when it is its turn, for as long as it may take.
	Do(ctx context.Context, project int64, scan func(context.Context) error) error
}

// Rows tells of a project's events what files by user do not. Files are given by their
// index in the View.
type Rows interface {
	// Holding returns for each file the numbers of the rows that a filter holds for. It is
	// on what events have themselves: their type, user_id and properties. Rows of events
	// outside the period may be left out.
	Holding(ctx context.Context, files []int, p walk.Period, zone *calendar.Zone, f syntax.Filter) ([]*roaring.Bitmap, error)
	// Values returns for each file the values of a field that events have themselves: a
	// property or user_id. Those of rows outside the period may be missing.
	Values(ctx context.Context, files []int, p walk.Period, f syntax.Field) ([]engine.Codes, error)
}

// Engine serves scans of users' events in their order. It is for one question, in one
// goroutine.
type Engine struct {
	engine.Unsupported
	limits  Limits
	project int64
	view    *walk.View
	rows    Rows // or nil
	names   Names
	events  Events
	codes   codes
	known   map[string]*known // found so far
	fields  keptFields
}

var _ engine.Engine = (*Engine)(nil)

// New makes the engine for a project's events. Without rows it does not serve scans that
// look at what the files do not know.
func New(limits Limits, project int64, view *walk.View, rows Rows) *Engine {
	return &Engine{limits: limits, project: project, view: view, rows: rows}
}

// Name returns "walk".
func (*Engine) Name() string { return "walk" }

// do runs a scan under the limits. What it finds counts only when no file was written to
// by its end.
func (e *Engine) do(ctx context.Context, scan func(context.Context) error) error {
	err := e.limits.Do(ctx, e.project, scan)
	if changed := e.view.Unchanged(); changed != nil && ctx.Err() == nil {
		err = changed
	}
	return damaged(err)
}

// unsupported leaves what takes too much memory here to an engine that needs less.
func unsupported(err error) error {
	if errors.Is(err, engine.ErrTooLarge) || errors.Is(err, engine.ErrTooManyRows) {
		return fmt.Errorf("%w: %w", engine.ErrUnsupported, err)
	}
	return err
}

// ready makes what a scan looks at, from the dictionaries of files.
func (e *Engine) ready(f func() error) error { return damaged(e.view.Guard(f)) }

// damaged leaves a scan to another engine where a file is damaged, or a user has too many
// events: it costs time, not the answer.
func damaged(err error) error {
	if errors.Is(err, walk.ErrFormat) || errors.Is(err, walk.ErrTooMany) {
		return fmt.Errorf("%w: %w", engine.ErrUnsupported, err)
	}
	return err
}
