package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/platform/postgres/pgtest"
)

func newMember(project int64, events ...event.Event) *member {
	return &member{upload: upload{project: project, batch: newBatch(events...)}, ctx: context.Background(), done: make(chan struct{})}
}

func outcomes(t *testing.T, members ...*member) {
	t.Helper()
	for _, m := range members {
		select {
		case <-m.done:
		case <-t.Context().Done():
		}
	}
}

// What arrives while all committers are busy is committed together, once.
func TestGroupJoinsWhatWaits(t *testing.T) {
	t.Parallel()
	groups := make(chan []*member)
	g := &group{commit: func(_ context.Context, members []*member) {
		groups <- members
		for _, m := range members {
			m.out.Accepted = len(m.batch.Events)
			close(m.done)
		}
	}}
	var wg sync.WaitGroup
	add := func() {
		wg.Go(func() {
			out, err := g.add(t.Context(), upload{project: project, batch: newBatch(newEvent("1"))})
			require.NoError(t, err)
			require.Equal(t, 1, out.Accepted)
		})
	}
	waiting := func() int {
		g.mu.Lock()
		defer g.mu.Unlock()
		return len(g.waiting)
	}
	running := func() int {
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.running
	}
	for i := range committers { // each is taken alone and blocks in commit
		add()
		require.Eventually(t, func() bool { return running() == i+1 && waiting() == 0 }, wait, tick)
	}
	const more = 50
	for range more {
		add()
	}
	require.Eventually(t, func() bool { return waiting() == more }, wait, tick)
	sizes := []int{}
	for range committers + 1 {
		sizes = append(sizes, len(<-groups))
	}
	wg.Wait()
	require.ElementsMatch(t, []int{1, 1, more}, sizes)
	require.Eventually(t, func() bool { return running() == 0 }, wait, tick)
}

func TestGroupIsBounded(t *testing.T) {
	t.Parallel()
	g := &group{running: 1}
	events := make([]event.Event, maxGrouped)
	for range 2*maxGroup/maxGrouped + 1 {
		g.waiting = append(g.waiting, newMember(project, events...))
	}
	require.Len(t, g.take(), maxGroup/maxGrouped)
	require.Len(t, g.take(), maxGroup/maxGrouped)
	require.Len(t, g.take(), 1)
	require.Nil(t, g.take())
	require.Zero(t, g.running)
}

// A client that gives up before its batch is taken has stored nothing.
func TestGroupMemberWithdraws(t *testing.T) {
	t.Parallel()
	g := &group{running: committers}
	ctx, cancel := context.WithCancel(t.Context())
	answer := make(chan error)
	go func() {
		_, err := g.add(ctx, upload{project: project, batch: newBatch(newEvent("1"))})
		answer <- err
	}()
	require.Eventually(t, func() bool { g.mu.Lock(); defer g.mu.Unlock(); return len(g.waiting) == 1 }, wait, tick)
	cancel()
	require.ErrorIs(t, <-answer, context.Canceled)
	require.Nil(t, g.take())
}

func TestGroupCountsEachMemberItsOwn(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	s := New(Config{}, pool)
	a, b, c := newEvent("1"), newEvent("2"), newEvent("3")
	other := a
	other.UserID = "9"
	_, err := s.Add(t.Context(), project, newBatch(c), false)
	require.NoError(t, err)

	first, second := newMember(project, a, c), newMember(project, b, other, a)
	elsewhere, known := newMember(2, a), newMember(project, c)
	s.commit(t.Context(), []*member{first, second, elsewhere, known})
	outcomes(t, first, second, elsewhere, known)
	for i, want := range []struct {
		m                    *member
		accepted, duplicates int
		conflicts            []int32
	}{
		{m: first, accepted: 1, duplicates: 1},
		{m: second, accepted: 1, duplicates: 2, conflicts: []int32{1}},
		{m: elsewhere, accepted: 1},
		{m: known, duplicates: 1},
	} {
		require.NoError(t, want.m.err, i)
		require.Equal(t, want.accepted, want.m.out.Accepted, i)
		require.Equal(t, want.duplicates, want.m.out.Duplicates, i)
		require.Equal(t, want.conflicts, want.m.out.Conflicts, i)
	}
	require.GreaterOrEqual(t, known.out.Position.Compare(first.out.Position), 0, "what is known lies at or before it")
	require.Equal(t, []event.Event{c, a, b}, logged(t, pool, project), "in the order of arrival")
	require.Equal(t, []event.Event{a}, logged(t, pool, 2))
}

// One member that Postgres refuses fails alone.
func TestGroupPoison(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	s := New(Config{}, pool)
	poison := newEvent("1")
	poison.Type = "\xff" // the decoder lets none through
	bad, good, also := newMember(project, poison), newMember(project, newEvent("2")), newMember(2, newEvent("3"))
	s.commit(t.Context(), []*member{good, bad, also})
	outcomes(t, bad, good, also)
	var pg *pgconn.PgError
	require.True(t, errors.As(bad.err, &pg), bad.err)
	require.Equal(t, "22021", pg.Code)
	for _, m := range []*member{good, also} {
		require.NoError(t, m.err)
		require.Equal(t, 1, m.out.Accepted)
	}
}

// One member that must wait for another transaction waits alone.
func TestGroupSlowMember(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	s := New(Config{}, pool)
	held := newEvent("1")
	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	defer tx.Rollback(t.Context())
	_, err = AddIn(t.Context(), tx, project, newBatch(held), false)
	require.NoError(t, err)

	slow, fast := newMember(project, held), newMember(project, newEvent("2"))
	go s.commit(t.Context(), []*member{slow, fast})
	outcomes(t, fast)
	require.NoError(t, fast.err)
	select {
	case <-slow.done:
		t.Fatal("it cannot know yet whether its event is new")
	default:
	}
	require.NoError(t, tx.Rollback(t.Context()))
	outcomes(t, slow)
	require.NoError(t, slow.err)
	require.Equal(t, 1, slow.out.Accepted)
}

// Many clients post one and a few events of a small universe at once, in groups
// and, with larger ones, beside them.
func TestStoreUnderConcurrency(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	s := New(Config{GroupCommit: true}, pool)
	const clients, rounds = 16, 25
	universe := make([]event.Event, 400)
	for i := range universe {
		universe[i] = newEvent(fmt.Sprint(i))
	}
	var mu sync.Mutex
	accepted, duplicates, sent := 0, 0, 0
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			for round := range rounds {
				from := (c*37 + round*53) % len(universe)
				size := []int{1, 7, 120, 399}[(c+round)%4]
				events := make([]event.Event, size)
				for i := range events {
					at := (from + i) % len(universe)
					if c%2 == 1 { // the other way round
						at = (from + size - 1 - i) % len(universe)
					}
					events[i] = universe[at]
				}
				out, err := s.Add(t.Context(), project, newBatch(events...), round%5 == 0)
				require.NoError(t, err)
				mu.Lock()
				sent += size
				accepted += out.Accepted
				duplicates += out.Duplicates
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	stored := ids(logged(t, pool, project))
	require.Equal(t, sent, accepted+duplicates)
	require.Len(t, stored, accepted)
	require.Subset(t, ids(universe), stored)
	unique := map[string]bool{}
	for _, id := range stored {
		unique[id] = true
	}
	require.Len(t, unique, accepted)
}
