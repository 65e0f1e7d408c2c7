package duckdb

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/google/uuid"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/property"
	"eventanalytics/pkg/syntax"
	"eventanalytics/pkg/warehouse/duckdb"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/pages"
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
	q.Where = func(c duckdb.Columns) string { return mayHave(c, f) }
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

// Find returns where the event with an id is; found is false where there is none.
func (r *Rows) Find(ctx context.Context, id uuid.UUID) (at engine.RowPlace, found bool, err error) {
	file, row, found, err := r.db.FindRow(ctx, r.project, r.all, id)
	return engine.RowPlace{File: file, Row: row, Us: engine.AnyTime}, found, err
}

// Events returns the events in some places, in their order.
func (r *Rows) Events(ctx context.Context, at []engine.RowPlace) ([]engine.Event, error) {
	if len(at) == 0 {
		return nil, nil
	}
	type place struct {
		file int
		row  uint32
	}
	asked := make(map[place]int, len(at))
	for i, p := range at {
		asked[place{p.File, p.Row}] = i
	}
	files, list, what := r.read(at)
	events, found := make([]engine.Event, len(at)), 0
	budget := engine.NewBudget(ctx)
	err := r.db.ReadRows(ctx, r.project, list, what, func(segment int, row uint32, e pages.Event) error {
		i, ok := asked[place{files[segment], row}]
		if !ok {
			return fmt.Errorf("row %d was not asked for", row)
		}
		if what == pages.Unordered {
			e.Us, e.UserID, e.Type = at[i].Us, at[i].UserID, at[i].Type
		}
		events[i] = engine.Event{ID: e.ID.String(), OccurredAt: e.Us, UserID: e.UserID, Type: e.Type, Properties: e.Properties}
		found++
		return budget.Spend(len(events[i].ID) + len(e.UserID) + len(e.Type) + len(e.Properties))
	})
	if err == nil && found != len(at) {
		err = fmt.Errorf("%w: %d of %d events by user are in the files of events", engine.ErrUnsupported, found, len(at))
	}
	return events, err
}

// read sorts places by file and row, and says what has to be read of the events.
func (r *Rows) read(at []engine.RowPlace) (files []int, list []duckdb.SegmentRows, what pages.Columns) {
	what = pages.Unordered
	rows := map[int]*duckdb.SegmentRows{} // by file
	for _, p := range at {
		s := r.all[p.File]
		from, to := p.Us, p.Us
		if p.Us == engine.AnyTime {
			from, to = s.MinAt.UnixMicro(), s.MaxAt.UnixMicro()
		}
		if p.Us == engine.AnyTime || p.Type == "" || p.UserID == "" {
			what = pages.All
		}
		of := rows[p.File]
		if of == nil {
			of = &duckdb.SegmentRows{Segment: s, From: from, To: to}
			rows[p.File] = of
		}
		of.Rows = append(of.Rows, p.Row)
		of.From, of.To = min(of.From, from), max(of.To, to)
	}
	files = slices.Sorted(maps.Keys(rows))
	for _, file := range files {
		slices.Sort(rows[file].Rows)
		list = append(list, *rows[file])
	}
	return files, list, what
}
