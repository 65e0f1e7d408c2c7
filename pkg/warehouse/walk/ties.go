package walk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/google/uuid"
)

const (
	// maxKnownIDs bounds how many of its rows' ids a file keeps from walk to walk, and
	// maxIDs how many one walk may need, whatever Grow says.
	maxKnownIDs = 1 << 16
	maxIDs      = 1 << 22
	// idBytes is what an id and the number of its row take.
	idBytes = 16 + 4
)

// identities are the event_id of some rows of a file, which are ascending.
type identities struct {
	rows []uint32
	ids  []uuid.UUID
}

func (x *identities) of(row uint32) (id uuid.UUID, known bool) {
	if x == nil {
		return id, false
	}
	i, known := slices.BinarySearch(x.rows, row)
	if !known {
		return id, false
	}
	return x.ids[i], true
}

// OrderByID orders events of the same time and type by their event_id, whoever's they are.
// Each of ties is such events. It reads each file once: give it all that are needed. Of the
// options Grow counts, for the ids that are read. The error is ErrTooMany for too many.
func (v *View) OrderByID(ties [][]Event, change ...Option) error {
	if v.order(ties, v.known) {
		return nil
	}
	ids, err := v.idsOf(context.Background(), ties, change)
	if err != nil {
		return err
	}
	return v.orderBy(ties, ids)
}

// IDs returns the event_id of events, in their order. Its options and errors are those of
// OrderByID. It needs a Guard.
func (v *View) IDs(ctx context.Context, events []Event, change ...Option) ([]uuid.UUID, error) {
	ids, ok := v.identify(events, v.known)
	if ok {
		return ids, nil
	}
	read, err := v.idsOf(ctx, [][]Event{events}, change)
	if err != nil {
		return nil, err
	}
	if ids, ok = v.identify(events, func(file uint32) *identities { return &read[file] }); !ok {
		return nil, errChanges
	}
	return ids, nil
}

// idsOf reads the ids of events, by file.
func (v *View) idsOf(ctx context.Context, ties [][]Event, change []Option) ([]identities, error) {
	n := 0
	for _, tie := range ties {
		n += len(tie)
	}
	o := optionsOf(change)
	if err := o.takeIDs(n, n); err != nil {
		return nil, err
	}
	rows := make([][]uint32, len(v.files))
	v.addRows(rows, ties)
	return v.readIDs(ctx, rows)
}

// identify returns the ids of events. ok is false when some are not known.
func (v *View) identify(events []Event, known func(file uint32) *identities) (ids []uuid.UUID, ok bool) {
	ids = make([]uuid.UUID, len(events))
	for i, e := range events {
		if ids[i], ok = known(e.File).of(v.rowOf(e)); !ok {
			return nil, false
		}
	}
	return ids, true
}

// settle orders events by event_id that are of the same user, time and type, and in
// several files or of several keys.
func (b *batch) settle(ctx context.Context) error {
	if len(b.tied) == 0 {
		return nil
	}
	ties := b.ties()
	if b.view.order(ties, b.view.known) {
		return nil
	}
	ids, err := b.learn(ctx)
	if err != nil {
		return err
	}
	return b.view.orderBy(ties, ids)
}

// ties returns the events that are of the same user, time and type and in several files,
// or of several keys.
// It forgets which slots have any.
func (b *batch) ties() (ties [][]Event) {
	slices.Sort(b.tied)
	for _, slot := range slices.Compact(b.tied) {
		events := b.events[b.starts[slot]:b.ends[slot]]
		for i := 0; i < len(events); {
			end, several := i+1, false
			for end < len(events) && compareEvents(&events[i], &events[end]) == 0 {
				several = several || b.apart(slot, &events[end-1], &events[end])
				end++
			}
			if several {
				ties = append(ties, events[i:end])
			}
			i = end
		}
	}
	b.tied = b.tied[:0]
	return ties
}

func (v *View) rowOf(e Event) uint32 { return v.files[e.File].Row(e.At) }

func (v *View) known(file uint32) *identities { return v.files[file].known.Load() }

// order orders events by id. ok is false when some are not known.
func (v *View) order(ties [][]Event, known func(file uint32) *identities) (ok bool) {
	type identified struct {
		Event
		id uuid.UUID
	}
	var tied []identified
	for _, tie := range ties {
		tied = tied[:0]
		for _, e := range tie {
			id, ok := known(e.File).of(v.rowOf(e))
			if !ok {
				return false
			}
			tied = append(tied, identified{e, id})
		}
		slices.SortFunc(tied, func(a, b identified) int { return compareIDs(a.id, b.id) })
		for i, e := range tied {
			tie[i] = e.Event
		}
	}
	return true
}

// errChanges is returned where a file has an event in another row than before.
var errChanges = fmt.Errorf("%w: it changes", ErrFormat)

// orderBy orders events by ids, by file, among which theirs are.
func (v *View) orderBy(ties [][]Event, ids []identities) error {
	if !v.order(ties, func(file uint32) *identities { return &ids[file] }) {
		return errChanges
	}
	return nil
}

// addRows adds the rows of events to those of their files.
func (v *View) addRows(rows [][]uint32, ties [][]Event) {
	for _, tie := range ties {
		for _, e := range tie {
			rows[e.File] = append(rows[e.File], v.rowOf(e))
		}
	}
}

// readIDs returns the ids of rows, by file.
func (v *View) readIDs(ctx context.Context, rows [][]uint32) ([]identities, error) {
	ids := make([]identities, len(rows))
	for file, of := range rows {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if len(of) == 0 {
			continue
		}
		slices.Sort(of)
		of = slices.Compact(of)
		read, err := v.files[file].readIDs(of)
		if err != nil {
			return nil, err
		}
		ids[file] = identities{of, read}
		v.files[file].keep(&ids[file])
	}
	return ids, nil
}

// learned are the ids that a scan needs, by file.
type learned struct {
	once sync.Once
	ids  []identities
	err  error
}

// learn returns the ids that the scan needs. It goes over all users, so that each file is
// read once: their ties may be anywhere in it.
func (s *scan) learn(ctx context.Context) ([]identities, error) {
	s.once.Do(func() {
		s.err = ErrFormat // unless it returns: a read of a mapped file may fail
		s.ids, s.err = s.readIDs(ctx)
	})
	return s.ids, s.err
}

func (s *scan) readIDs(ctx context.Context) ([]identities, error) {
	rows := make([][]uint32, len(s.view.files))
	b := newBatch(s)
	b.room = newRoom(s.maxEvents, s.grow) // of its own: the goroutines that wait for it have taken theirs
	defer b.giveBack()
	n := 0
	for i := range len(s.bounds) - 1 {
		err := b.run(ctx, s.bounds[i], s.bounds[i+1], func(from, to int) error {
			ties, before := b.ties(), n
			for _, tie := range ties {
				n += len(tie)
			}
			if err := s.takeIDs(n-before, n); err != nil {
				return err
			}
			s.view.addRows(rows, ties)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return s.view.readIDs(ctx, rows)
}

// takeIDs counts the memory of so many more ids, of which there are n then.
func (o *options) takeIDs(more, n int) error {
	switch {
	case n > maxIDs:
		return fmt.Errorf("%w: more than %d differ only in their event_id", ErrTooMany, maxIDs)
	case more == 0 || o.grow == nil:
		return nil
	}
	return o.grow(more * idBytes)
}

func (f *File) readIDs(rows []uint32) ([]uuid.UUID, error) {
	if f.IDs == nil {
		return nil, errors.New("events of several segments differ only in their event_id, which is not known")
	}
	ids, err := f.IDs(rows)
	if err != nil {
		return nil, fmt.Errorf("reading the ids of events: %w", err)
	}
	if len(ids) != len(rows) {
		return nil, fmt.Errorf("reading the ids of %d events: there are %d", len(rows), len(ids))
	}
	return ids, nil
}

// keep adds ids to those that the file knows, if they are not too many.
func (f *File) keep(more *identities) {
	all := more.and(f.known.Load())
	if len(all.rows) <= maxKnownIDs {
		f.known.Store(all)
	}
}

// and returns what either has.
func (x *identities) and(y *identities) *identities {
	if y == nil {
		return x
	}
	n := len(x.rows) + len(y.rows)
	all := &identities{make([]uint32, 0, n), make([]uuid.UUID, 0, n)}
	for i, j := 0, 0; i < len(x.rows) || j < len(y.rows); {
		from, at := x, &i
		if i == len(x.rows) || j < len(y.rows) && y.rows[j] < x.rows[i] {
			from, at = y, &j
		} else if j < len(y.rows) && y.rows[j] == x.rows[i] {
			j++
		}
		all.rows, all.ids = append(all.rows, from.rows[*at]), append(all.ids, from.ids[*at])
		*at++
	}
	return all
}
