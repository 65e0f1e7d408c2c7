package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/failpoint"
	"eventanalytics/pkg/warehouse/segment"
	"eventanalytics/services/syncworker/userkey"
)

// written is a batch on disk: segments that are not in the manifest yet, and what
// could not become part of one.
type written struct {
	events   int // in the segments
	segments []segment.Segment
	dead     []deadLetter
}

// group has a batch's events of one project, in the order of the outbox.
type group struct {
	project int64
	events  []event.Event
	keys    []uint32 // of each event's user
	rows    []*outbox.Row
	ends    []int // of each row: the index in events after its last
}

// row returns the outbox row of the event with index i.
func (g *group) row(i int) *outbox.Row {
	n, _ := slices.BinarySearch(g.ends, i+1)
	return g.rows[n]
}

// parallelWrites hide each other's fsync when a batch has many projects.
const parallelWrites = 4

// write makes the segments of rows: one for each project.
func (l *Loader) write(ctx context.Context, rows []outbox.Row) (written, error) {
	groups, dead := decode(rows)
	out := written{dead: dead}
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallelWrites)
	for _, group := range groups {
		g.Go(func() error {
			keys, err := l.deps.Keys.Of(ctx, group.project, group.events)
			if err != nil {
				return err
			}
			group.keys = keys
			segments, dead, err := l.writeGroup(ctx, group, 0, len(group.events))
			if err != nil {
				return fmt.Errorf("writing events of project %d: %w", group.project, err)
			}
			if err := failpoint.Hit(failpoint.LoadMidway); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			out.segments = append(out.segments, segments...)
			out.dead = append(out.dead, dead...)
			out.events += int(segment.EventsOf(segments))
			return nil
		})
	}
	return out, g.Wait()
}

// writeGroup writes the events from index from up to to. When the warehouse
// refuses them it halves them until the culprit is alone.
func (l *Loader) writeGroup(ctx context.Context, g *group, from, to int) ([]segment.Segment, []deadLetter, error) {
	made, err := l.deps.Writer.Write(ctx, g.project, g.events[from:to], g.keys[from:to], l.deps.Term.Epoch())
	switch {
	case err == nil:
		return []segment.Segment{made}, nil, nil
	case !errors.Is(err, segment.ErrRefused):
		return nil, nil, err
	case to-from == 1:
		return nil, []deadLetter{{row: g.row(from), reason: err.Error(), payload: outbox.Encode(g.events[from:to])}}, nil
	}
	middle := from + (to-from)/2
	segments, dead, err := l.writeGroup(ctx, g, from, middle)
	if err != nil {
		return nil, nil, err
	}
	more, moreDead, err := l.writeGroup(ctx, g, middle, to)
	return append(segments, more...), append(dead, moreDead...), err
}

// decode sorts the events of rows by project. What cannot be read, or is known
// to be refused, is returned as dead letters.
func decode(rows []outbox.Row) ([]*group, []deadLetter) {
	var groups []*group
	var dead []deadLetter
	byProject := map[int64]*group{}
	for i := range rows {
		row := &rows[i]
		events, refused := decodeRow(row)
		dead = append(dead, refused...)
		if len(events) == 0 {
			continue
		}
		g := byProject[row.ProjectID]
		if g == nil {
			g = &group{project: row.ProjectID}
			byProject[row.ProjectID] = g
			groups = append(groups, g)
		}
		g.events = append(g.events, events...)
		g.rows = append(g.rows, row)
		g.ends = append(g.ends, len(g.events))
	}
	return groups, dead
}

func decodeRow(row *outbox.Row) ([]event.Event, []deadLetter) {
	var dead []deadLetter
	refuse := func(payload string, reason error) {
		dead = append(dead, deadLetter{row: row, reason: reason.Error(), payload: payload})
	}
	events, err := outbox.Decode(row.Payload)
	if err != nil {
		events = nil
		for line := range strings.Lines(row.Payload) {
			if decoded, err := outbox.Decode(line); err != nil {
				refuse(line, err)
			} else {
				events = append(events, decoded...)
			}
		}
	}
	if n := len(events) + len(dead); n != row.Events {
		refuse("", fmt.Errorf("the row has %d lines for %d events", n, row.Events))
	}
	events = slices.DeleteFunc(events, func(e event.Event) bool {
		err := cmp.Or(segment.Check(e), userkey.Check(e))
		if err != nil {
			refuse(outbox.Encode([]event.Event{e}), err)
		}
		return err != nil
	})
	return events, dead
}
