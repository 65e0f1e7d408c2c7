package walk

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/property"
	"eventanalytics/pkg/syntax"
	"eventanalytics/pkg/warehouse/walk"
	"eventanalytics/pkg/warehouse/walk/walktest"
	"eventanalytics/services/stats/engine"
)

// meter counts until it has counted so many bytes.
type meter struct {
	mu    sync.Mutex
	bytes int64
	room  int64
}

var errFull = errors.New("no room")

func (m *meter) Grow(bytes int64) bool {
	if !m.mu.TryLock() {
		panic("two goroutines of a scan count at the same time")
	}
	defer m.mu.Unlock()
	m.bytes += bytes
	return m.bytes <= m.room
}

func (m *meter) Wait(context.Context) error { return errFull }

func (m *meter) Shrink(bytes int64) { m.bytes -= bytes }

// TestMemoryIsCounted: what a walk holds of users with many events, and what it keeps of
// each user, is counted, whichever question is asked, and ends it where there is no room.
func TestMemoryIsCounted(t *testing.T) {
	t.Parallel()
	const many, users = 100_000, 4
	zone, err := calendar.Load("UTC")
	require.NoError(t, err)
	scope, days := engine.Scope{Zone: zone}, engine.Range{From: 0, To: 1}
	var events []walk.Source
	for user := range users {
		for i := range many {
			events = append(events, walk.Source{User: uint32(user * 500), Us: int64(i) * 1_000_000, Type: "ab"[i%2 : i%2+1], ID: uuid.New()})
		}
		for other := range 499 { // or all of these users are of one goroutine
			events = append(events, walk.Source{User: uint32(user*500 + 1 + other), Us: 1, Type: "a", ID: uuid.New()})
		}
	}
	e := New(atOnce{}, 1, walk.NewView([]*walk.File{walktest.File(t, events...)}), nil).Named(nil, unread{})
	step := func(name string) syntax.Series { return syntax.Series{Events: []string{name}} }
	const held = many * 24 // events of one user
	const latestEvents = 20_000
	for name, tc := range map[string]struct {
		least int64
		ask   func(ctx context.Context) error
	}{
		"funnel": {held + many*listBytes, func(ctx context.Context) error {
			_, err := e.Funnel(ctx, engine.Funnel{
				Scope: scope, Range: days, Steps: []syntax.Series{step("a"), step("b"), step("a")}, Window: time.Hour, Order: engine.InOrder, Interval: calendar.Day,
			})
			return err
		}},
		"paths": {held + many*pathBytes, func(ctx context.Context) error {
			_, err := e.Paths(ctx, engine.Paths{Scope: scope, Range: days, Node: syntax.Field{Source: syntax.EventType}, Steps: 5, Gap: time.Minute, Top: 3})
			return err
		}},
		"sessions": {held, func(ctx context.Context) error {
			_, err := e.Sessions(ctx, engine.Sessions{Scope: scope, Range: days, Interval: calendar.Day, Gap: time.Second / 2})
			return err
		}},
		"tally of first events": {held, func(ctx context.Context) error {
			_, err := e.Tally(ctx, engine.Tally{Scope: scope, Range: days, Interval: calendar.Day, Part: engine.OnlyEvents, Series: engine.Series{First: true}})
			return err
		}},
		"latest": {foundBytes * 2 * latestEvents, func(ctx context.Context) error {
			_, err := e.Latest(ctx, engine.Latest{Scope: scope, Limit: latestEvents})
			return err
		}},
		"tally by blocks": {many * visitedBytes, func(ctx context.Context) error {
			_, err := e.Tally(ctx, engine.Tally{Scope: scope, Range: days, Interval: calendar.Day, Part: engine.CountUsers})
			return err
		}},
	} {
		m := &meter{room: engine.MaxBytes}
		require.NoError(t, tc.ask(engine.WithMeter(t.Context(), m)), name)
		require.GreaterOrEqual(t, m.bytes, tc.least-2*stepBytes, name)
		small := &meter{room: tc.least / 2}
		require.ErrorIs(t, tc.ask(engine.WithMeter(t.Context(), small)), errFull, name)
	}
}

// TestWhatWalksKeepIsBounded: paths and sessions walk several times, and what they keep from
// one walk to the next has a bound of its own.
func TestWhatWalksKeepIsBounded(t *testing.T) {
	t.Parallel()
	const many = 50_000
	zone, err := calendar.Load("UTC")
	require.NoError(t, err)
	scope, days := engine.Scope{Zone: zone}, engine.Range{From: 0, To: 1}
	period, exists := days.Period(zone)
	require.True(t, exists)
	events := make([]walk.Source, many)
	for i := range events {
		events[i] = walk.Source{User: 1, Us: int64(i)*1_000_000 - int64(i%2)*400_000, Type: "a", ID: uuid.New()}
	}
	e := New(atOnce{}, 1, walk.NewView([]*walk.File{walktest.File(t, events...)}), nil)
	for room, want := range map[int]error{engine.MaxBytes: nil, many: engine.ErrTooLarge} {
		p := e.paths(t.Context(), engine.Paths{Scope: scope, Range: days, Node: syntax.Field{Source: syntax.EventType}, Steps: 5, Gap: time.Minute, Top: 3}, period)
		require.NoError(t, p.budget.Spend(engine.MaxBytes-room))
		_, err := p.find(t.Context())
		require.ErrorIs(t, err, want, "paths")

		s := e.sessions(t.Context(), engine.Sessions{Scope: scope, Range: days, Interval: calendar.Day, Gap: time.Second}, period)
		require.NoError(t, s.budget.Spend(engine.MaxBytes-room))
		_, err = s.cells(t.Context(), nil)
		require.ErrorIs(t, err, want, "sessions")
	}
}

// unread are events of which nothing is asked but where they are.
type unread struct{}

func (unread) Find(context.Context, uuid.UUID) (at engine.RowPlace, found bool, err error) {
	return at, false, nil
}

func (unread) Events(_ context.Context, at []engine.RowPlace) ([]engine.Event, error) {
	return make([]engine.Event, len(at)), nil
}

// TestTooManyTies: the latest events are left to another engine where more are of one
// instant than ids are read of.
func TestTooManyTies(t *testing.T) {
	t.Parallel()
	var events []walk.Source
	const all = 10 * maxTiedEvents
	for i := range all {
		events = append(events, walk.Source{User: uint32(i % 100), Us: 1, Type: "a", ID: uuid.New()})
	}
	for ties, want := range map[int]error{maxTiedEvents + 1: nil, maxTiedEvents + 2: engine.ErrUnsupported, all: engine.ErrUnsupported} {
		e := New(atOnce{}, 1, walk.NewView([]*walk.File{walktest.File(t, events[:ties]...)}), nil).Named(nil, unread{})
		m := &meter{room: engine.MaxBytes}
		found, err := e.Latest(engine.WithMeter(t.Context(), m), engine.Latest{Limit: 1})
		require.ErrorIs(t, err, want, "%d", ties)
		require.Equal(t, want == nil, len(found) == 1)
		require.Less(t, m.bytes, int64(foundBytes*all/4), "no more is held of those that are too many")
	}
}

// TestTooManyInstants: users with more instants than a field numbers are left to another
// engine, and never counted among the rest.
func TestTooManyInstants(t *testing.T) {
	t.Parallel()
	zone, err := calendar.Load("UTC")
	require.NoError(t, err)
	var events []walk.Source
	for user := range uint32(maxInstants + 2) {
		events = append(events, walk.Source{User: user, Us: int64(user), Type: "a", ID: uuid.New()})
	}
	e := New(atOnce{}, 1, walk.NewView([]*walk.File{walktest.File(t, events...)}), nil)
	_, err = e.Tally(t.Context(), engine.Tally{
		Scope: engine.Scope{Zone: zone}, Range: engine.Range{From: 0, To: 1}, Interval: calendar.Day, Part: engine.CountUsers,
		Breakdown: []syntax.Breakdown{{Field: syntax.Field{Source: syntax.FirstSeen}}},
		Groups:    []engine.Group{{{Value: engine.TextOfInstant(maxInstants + 1)}}},
	})
	require.ErrorIs(t, err, engine.ErrUnsupported)
}

// TestKnownIsKept: what is known of each user counts as long as the question is there, beyond
// the scan that found it.
func TestKnownIsKept(t *testing.T) {
	t.Parallel()
	const users = 50_000
	zone, err := calendar.Load("UTC")
	require.NoError(t, err)
	var events []walk.Source
	for user := range users {
		events = append(events, walk.Source{User: uint32(user), Us: 1, Type: "a", ID: uuid.New()})
	}
	e := New(atOnce{}, 1, walk.NewView([]*walk.File{walktest.File(t, events...)}), nil)
	m := &meter{room: engine.MaxBytes}
	_, err = engine.NewSource(time.Time{}, time.Time{}, e).Tally(engine.WithMeter(t.Context(), m), engine.Tally{
		Scope: engine.Scope{Zone: zone}, Range: engine.Range{From: 0, To: 1}, Interval: calendar.Day, Part: engine.CountUsers,
		Breakdown: []syntax.Breakdown{{Field: syntax.Field{Source: syntax.FirstSeen}}}, Groups: []engine.Group{{{}}},
	})
	require.NoError(t, err)
	require.GreaterOrEqual(t, m.bytes, int64(8*users-stepBytes))

	long := property.Find(`{"a":"`+strings.Repeat("x", 1000)+`"}`, []string{"a"})
	v := values{columns: []column{{}, {rows: &engine.Codes{Rows: make([]uint32, 10), Values: []property.Value{long}}}}}
	require.Equal(t, 4*10+groupBytes+1002, v.bytes(), "a text is as long as it is")
}
