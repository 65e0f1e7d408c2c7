package duckdb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/parquet-go/parquet-go/encoding"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/warehouse/columns"
	"eventanalytics/pkg/warehouse/pages"
	"eventanalytics/pkg/warehouse/rollup"
	"eventanalytics/pkg/warehouse/segment"
)

// table is events of one project in memory.
type table struct {
	project int64
	events  []event.Event
	keys    []uint32 // of their users
	// order has the places of the events in the order of a segment: by day (UTC), type, user
	// and time. A query over some days, one event type or one user then reads few row groups,
	// and equal values compress well.
	order []uint32
}

func newTable(project int64, events []event.Event, keys []uint32) *table {
	return &table{project: project, events: events, keys: keys, order: ordered(events, keys)}
}

// read returns the events of segments of one project. The error is segment.ErrQuarantined
// where a file is not what the manifest says.
func (b *Builder) read(ctx context.Context, in []segment.Segment) (*table, error) {
	n := segment.EventsOf(in)
	events, keys := make([]event.Event, 0, n), make([]uint32, 0, n)
	for _, s := range in {
		var err error
		if events, keys, err = readEvents(ctx, filepath.Join(b.dir, s.Path), s, events, keys); err != nil {
			return nil, fmt.Errorf("reading the events of %s: %w", s.Path, err)
		}
	}
	return newTable(in[0].ProjectID, events, keys), nil
}

// readEvents appends the events of a segment, and the keys of their users.
func readEvents(ctx context.Context, path string, s segment.Segment, events []event.Event, keys []uint32) (_ []event.Event, _ []uint32, err error) {
	f, err := columns.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if int64(f.Rows()) != s.Events {
		return nil, nil, fmt.Errorf("%w: it has %d events, the manifest says %d", segment.ErrQuarantined, f.Rows(), s.Events)
	}
	projects, err := columns.Fixed(ctx, f, "project_id", (*encoding.Values).Int64)
	if err != nil {
		return nil, nil, err
	}
	if slices.ContainsFunc(projects, func(id int64) bool { return id != s.ProjectID }) {
		return nil, nil, fmt.Errorf("%w: it has events of other projects", segment.ErrQuarantined)
	}
	ids, idsErr := columns.Fixed(ctx, f, "event_id", (*encoding.Values).Uint128)
	times, timesErr := columns.Fixed(ctx, f, "occurred_at", (*encoding.Values).Int64)
	users, usersErr := columns.Fixed(ctx, f, "user_key", (*encoding.Values).Uint32)
	names, namesErr := f.Texts(ctx, "user_id")
	types, typesErr := f.Texts(ctx, "event_type")
	properties, propertiesErr := f.Texts(ctx, "properties")
	if err := errors.Join(idsErr, timesErr, usersErr, namesErr, typesErr, propertiesErr); err != nil {
		return nil, nil, err
	}
	for i, id := range ids {
		events = append(events, event.Event{ID: id, OccurredAt: times[i], UserID: names[i], Type: types[i], Properties: properties[i]})
	}
	return events, append(keys, users...), nil
}

// ordered returns the places of events in the order of a segment.
func ordered(events []event.Event, keys []uint32) []uint32 {
	type row struct {
		us    int64
		day   int32
		typ   uint32 // its rank among all types
		user  uint32
		place uint32
	}
	ranks := ranksOfTypes(events)
	rows := make([]row, len(events))
	for i := range events {
		e := &events[i]
		rows[i] = row{e.OccurredAt, dayOf(e), ranks[e.Type], keys[i], uint32(i)}
	}
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.day, b.day), cmp.Compare(a.typ, b.typ), cmp.Compare(a.user, b.user), cmp.Compare(a.us, b.us), cmp.Compare(a.place, b.place))
	})
	order := make([]uint32, len(rows))
	for i := range rows {
		order[i] = rows[i].place
	}
	return order
}

func dayOf(e *event.Event) int32 { return rollup.DayOf(time.UnixMicro(e.OccurredAt)) }

// ranksOfTypes returns the place of each type of events among all of them, sorted.
func ranksOfTypes(events []event.Event) map[string]uint32 {
	all := map[string]uint32{}
	for i := range events {
		all[events[i].Type] = 0
	}
	for i, t := range slices.Sorted(maps.Keys(all)) {
		all[t] = uint32(i)
	}
	return all
}

// part is the events at some places of the order.
func (t *table) part(order []uint32) *table {
	part := *t
	part.order = order
	return &part
}

// each goes through the events in order.
func (t *table) each() iter.Seq2[int, *event.Event] {
	return func(yield func(int, *event.Event) bool) {
		for i, place := range t.order {
			if !yield(i, &t.events[place]) {
				return
			}
		}
	}
}

// days counts the events of each day (UTC).
func (t *table) days() (days []segment.Span) {
	last := int32(0)
	for _, e := range t.each() {
		at := time.UnixMicro(e.OccurredAt).UTC()
		if day := dayOf(e); len(days) == 0 || day != last {
			days, last = append(days, segment.Span{First: at, Last: at}), day
		}
		d := &days[len(days)-1]
		if at.Before(d.First) {
			d.First = at
		}
		if at.After(d.Last) {
			d.Last = at
		}
		d.Events++
		d.RawBytes += segment.RawBytesOf(e)
	}
	return days
}

// groups returns the row groups of the events, each of so many rows, with columns for some of
// their properties.
func (t *table) groups(rows int64, properties []chosen) iter.Seq[[]pages.Column] {
	return func(yield func([]pages.Column) bool) {
		for order := range slices.Chunk(t.order, int(rows)) {
			if !yield(t.part(order).columns(properties)) {
				return
			}
		}
	}
}

// columns returns those of a row group.
func (t *table) columns(properties []chosen) []pages.Column {
	n := len(t.order)
	projects, ids, times := slices.Repeat([]int64{t.project}, n), make([]uuid.UUID, n), make([]int64, n)
	users, keys, types := make([]string, n), make([]int32, n), make([]string, n)
	texts, none := make([]string, n), make([]bool, n)
	shredded := newShredded(properties, n)
	for i, e := range t.each() {
		ids[i], times[i], users[i], types[i] = e.ID, e.OccurredAt, e.UserID, e.Type
		keys[i] = int32(t.keys[t.order[i]])
		texts[i], none[i] = e.Properties, e.Properties == ""
		shredded.add(i, e.Properties)
	}
	return append([]pages.Column{
		pages.Integers("project_id", projects, nil), pages.IDs("event_id", ids), pages.Times("occurred_at", times),
		pages.Texts("user_id", users, nil), pages.Keys("user_key", keys), pages.Texts("event_type", types, nil),
		pages.Texts("properties", texts, none),
	}, shredded.columns()...)
}
