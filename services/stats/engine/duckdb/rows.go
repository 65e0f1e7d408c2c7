package duckdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/RoaringBitmap/roaring/v2"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/property"
	"eventanalytics/pkg/syntax"
	"eventanalytics/pkg/warehouse/duckdb"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/segment"
	"eventanalytics/pkg/warehouse/walk"
	"eventanalytics/services/stats/engine"
)

// Rows tells of a project's events what only their Parquet files do, by row. Files are
// given by the index of their segment among all of the project's, in the order of their
// ids.
type Rows struct {
	db      *duckdb.DB
	project int64
	all     []segment.Segment
}

// NewRows makes the Rows of a project's events in a snapshot.
func NewRows(db *duckdb.DB, snapshot *manifest.Snapshot, project int64) *Rows {
	return &Rows{db, project, snapshot.Segments(project, time.Time{}, time.Time{})}
}

// Holding returns for each file the rows of the events in a period that a filter on what
// they have themselves holds for.
func (r *Rows) Holding(ctx context.Context, files []int, p walk.Period, zone *calendar.Zone, f syntax.Filter) ([]*roaring.Bitmap, error) {
	if !isOwn(f) {
		return nil, engine.ErrUnsupported
	}
	q, indexes := r.query(files, p)
	budget := engine.NewBudget(ctx)
	if err := budget.Spend(int(segment.EventsOf(q.Segments) / 8)); err != nil { // a bit for each
		return nil, unsupported(err)
	}
	q.Where = func(c duckdb.Columns) string { return whereSQL(engine.Scope{Zone: zone, Filter: f}, c) }
	found, err := r.db.Rows(ctx, q)
	if err != nil {
		return nil, err
	}
	all := make([]*roaring.Bitmap, len(files))
	for i := range all {
		all[i] = roaring.New()
	}
	for i, rows := range found {
		all[indexes[i]] = rows
	}
	return all, nil
}

// Values returns for each file the values that the events in a period have in a field, of
// those that they have themselves.
func (r *Rows) Values(ctx context.Context, files []int, p walk.Period, f syntax.Field) ([]engine.Codes, error) {
	if !isOfEvents(f.Source) {
		return nil, engine.ErrUnsupported
	}
	q, indexes := r.query(files, p)
	budget := engine.NewSharedBudget(ctx)
	coders := make([]*coder, len(q.Segments))
	for i, s := range q.Segments {
		coders[i] = newCoder(s.Events, budget)
	}
	err := r.db.EachText(ctx, q, func(columns duckdb.Columns) (string, duckdb.RowFunction) { return read(coders, columns, f) })
	if spent := budget.Err(); spent != nil {
		err = spent // DuckDB passes on no more than its text
	}
	if err != nil {
		return nil, unsupported(err)
	}
	all := make([]engine.Codes, len(files))
	for i := range all {
		all[i].Values = make([]property.Value, 1)
	}
	for i, c := range coders {
		all[indexes[i]] = c.codes
	}
	return all, nil
}

// unsupported leaves what takes too much memory here to an engine that needs less.
func unsupported(err error) error {
	if errors.Is(err, engine.ErrTooLarge) || errors.Is(err, engine.ErrTooManyRows) {
		return fmt.Errorf("%w: %w", engine.ErrUnsupported, err)
	}
	return err
}

// query is about the events of files in a period. indexes says which of files its
// segments are: those that have any.
func (r *Rows) query(files []int, p walk.Period) (q duckdb.RowQuery, indexes []int) {
	q = duckdb.RowQuery{Project: r.project}
	if p.From != math.MinInt64 {
		q.From = time.UnixMicro(p.From).UTC()
	}
	if p.To != math.MaxInt64 {
		q.To = time.UnixMicro(p.To).UTC()
	}
	for i, file := range files {
		s := r.all[file]
		if s.MaxAt.UnixMicro() >= p.From && s.MinAt.UnixMicro() < p.To {
			q.Segments, indexes = append(q.Segments, s), append(indexes, i)
		}
	}
	return q, indexes
}

// file is the index of a segment.
func (r *Rows) file(s segment.Segment) int {
	return slices.IndexFunc(r.all, func(one segment.Segment) bool { return one.Path == s.Path })
}

// Events returns the events in some places, in their order.
func (r *Rows) Events(ctx context.Context, at []engine.RowPlace) ([]engine.Event, error) {
	type place struct {
		segment int
		row     uint32
	}
	asked := map[place]int{}
	rows := map[int]*duckdb.SegmentRows{} // by file
	for i, p := range at {
		asked[place{p.File, p.Row}] = i
		of := rows[p.File]
		if of == nil {
			of = &duckdb.SegmentRows{Segment: r.all[p.File], From: p.Us, To: p.Us}
			rows[p.File] = of
		}
		of.Rows = append(of.Rows, p.Row)
		of.From, of.To = min(of.From, p.Us), max(of.To, p.Us)
	}
	files := slices.Sorted(maps.Keys(rows))
	list := make([]duckdb.SegmentRows, len(files))
	for i, file := range files {
		list[i] = *rows[file]
	}
	if len(at) == 0 {
		return nil, nil
	}
	events, found := make([]engine.Event, len(at)), 0
	budget := engine.NewBudget(ctx)
	err := r.db.ReadRows(ctx, r.project, list, func(s *sql.Rows) error {
		var event engine.Event
		var segment int
		var row uint32
		if err := s.Scan(&segment, &row, &event.ID, &event.OccurredAt, &event.UserID, &event.Type, &event.Properties); err != nil {
			return fmt.Errorf("reading an event: %w", err)
		}
		i, ok := asked[place{files[segment], row}]
		if !ok {
			return fmt.Errorf("row %d was not asked for", row)
		}
		events[i] = event
		found++
		return budget.Spend(len(event.ID) + len(event.UserID) + len(event.Type) + len(event.Properties))
	})
	if err == nil && found != len(at) {
		err = fmt.Errorf("%w: %d of %d events by user are in the files of events", engine.ErrUnsupported, found, len(at))
	}
	return events, err
}
