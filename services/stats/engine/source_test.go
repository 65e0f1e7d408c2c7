package engine

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// quick serves counts alone, and slow everything.
type (
	quick struct {
		Unsupported
		err error
	}
	slow struct{ quick }
)

func (quick) Name() string { return "quick" }

func (q quick) Counts(context.Context, Counts) ([]Count, error) {
	return []Count{{Group: "quick"}}, q.err
}

func (slow) Name() string { return "slow" }

func (slow) Counts(context.Context, Counts) ([]Count, error) { return []Count{{Group: "slow"}}, nil }

func (slow) Event(_ context.Context, id uuid.UUID) ([]Event, error) {
	return []Event{{ID: id.String()}}, nil
}

// TestSource: each scan is served by the first engine that can, and an answer names
// the last of those that were needed.
func TestSource(t *testing.T) {
	t.Parallel()
	counts := func(s *Source) string {
		rows, err := s.Counts(t.Context(), Counts{})
		require.NoError(t, err)
		return rows[0].Group
	}
	s := NewSource(time.Time{}, time.Time{}, quick{}, slow{})
	require.Equal(t, "quick", s.Name())
	require.Equal(t, "quick", counts(s))
	require.Equal(t, "quick", s.Name())
	events, err := s.Event(t.Context(), uuid.UUID{1})
	require.NoError(t, err)
	require.Len(t, events, 1)
	require.Equal(t, "slow", s.Name())
	require.Equal(t, "quick", counts(s))
	require.Equal(t, "slow", s.Name(), "a part of the answer comes from there")
	_, err = s.Latest(t.Context(), Latest{})
	require.ErrorIs(t, err, ErrUnsupported)

	require.Equal(t, "slow", counts(NewSource(time.Time{}, time.Time{}, quick{err: ErrUnsupported}, slow{})))
	broken := NewSource(time.Time{}, time.Time{}, quick{err: ErrTooLarge}, slow{})
	_, err = broken.Counts(t.Context(), Counts{})
	require.ErrorIs(t, err, ErrTooLarge, "another engine would find the same")
	require.Equal(t, "quick", broken.Name())
}

// TestLateEngines: an engine is opened once, and only when no other serves a scan.
func TestLateEngines(t *testing.T) {
	t.Parallel()
	opened := 0
	var made Engine
	late := func() Engine {
		return Late("late", func(context.Context) Engine { opened++; return made })
	}
	s := NewSource(time.Time{}, time.Time{}, quick{}, late(), slow{})
	_, err := s.Counts(t.Context(), Counts{})
	require.NoError(t, err)
	require.Zero(t, opened)
	_, err = s.Event(t.Context(), uuid.UUID{1})
	require.NoError(t, err)
	require.Equal(t, 1, opened)
	require.Equal(t, "slow", s.Name(), "there is none yet")

	made = slow{}
	for range 2 {
		_, err = s.Event(t.Context(), uuid.UUID{1})
		require.NoError(t, err)
	}
	require.Equal(t, 2, opened)
	first := NewSource(time.Time{}, time.Time{}, late(), slow{})
	require.Equal(t, "late", first.Name(), "before anything was asked")
}

// meter has room for so many bytes, and so many more each time that somebody waited.
type meter struct{ held, room, more int64 }

func (m *meter) Grow(bytes int64) bool {
	if m.held+bytes > m.room {
		return false
	}
	m.held += bytes
	return true
}

func (m *meter) Wait(context.Context) error {
	m.room += m.more
	return nil
}

func (m *meter) Shrink(bytes int64) { m.held -= bytes }

// heavy works with 3 MiB for a result of one, leaves so many bytes to later scans, and may
// fail then.
type heavy struct {
	Unsupported
	kept int
	err  error
}

func (heavy) Name() string { return "heavy" }

func (e heavy) Counts(ctx context.Context, _ Counts) ([]Count, error) {
	result, kept := NewBudget(ctx), NewKeptBudget(ctx)
	return nil, errors.Join(NewSharedBudget(ctx).Spend(3<<20), result.Spend(1<<20), kept.Spend(e.kept), e.err)
}

// TestScansGiveBack: after a scan a question holds its result alone, and nothing of an
// engine that failed.
func TestScansGiveBack(t *testing.T) {
	t.Parallel()
	m := meter{room: 1 << 40}
	ctx := WithMeter(t.Context(), &m)
	s := NewSource(time.Time{}, time.Time{}, heavy{err: ErrUnsupported}, heavy{})
	for i := range 3 {
		_, err := s.Counts(ctx, Counts{})
		require.NoError(t, err)
		require.EqualValues(t, (i+1)<<20, m.held)
	}
	_, err := NewSource(time.Time{}, time.Time{}, heavy{err: ErrTooLarge}).Counts(ctx, Counts{})
	require.ErrorIs(t, err, ErrTooLarge)
	require.EqualValues(t, 3<<20, m.held)
	_, err = NewSource(time.Time{}, time.Time{}, heavy{kept: 1 << 20, err: ErrTooLarge}).Counts(ctx, Counts{})
	require.ErrorIs(t, err, ErrTooLarge)
	require.EqualValues(t, 4<<20, m.held, "what was kept is there, whatever became of the scan")
}

// TestNoScanWaits: a scan that has too little room ends, and is made again when there is more,
// at most twice; what is counted between scans waits where it is.
func TestNoScanWaits(t *testing.T) {
	t.Parallel()
	m := meter{room: 2 << 20, more: 1 << 20}
	ctx := WithMeter(t.Context(), &m)
	s := NewSource(time.Time{}, time.Time{}, heavy{})
	_, err := s.Counts(ctx, Counts{})
	require.NoError(t, err)
	require.EqualValues(t, meter{held: 1 << 20, room: 4 << 20, more: 1 << 20}, m, "after two waits")
	m.more = 5 << 20
	between := NewBudget(ctx)
	require.NoError(t, between.Spend(8<<20))
	require.EqualValues(t, meter{held: 9 << 20, room: 9 << 20, more: 5 << 20}, m)
	_, err = s.Counts(ctx, Counts{})
	require.NoError(t, err, "there is room after one wait")
	m.room = 0
	_, err = s.Counts(ctx, Counts{})
	require.ErrorIs(t, err, ErrNoRoom)
}

func TestResultIsBounded(t *testing.T) {
	t.Parallel()
	many := NewResult[DayUsers](t.Context())
	for range MaxRows {
		require.NoError(t, many.Add(DayUsers{}))
	}
	require.ErrorIs(t, many.Add(DayUsers{}), ErrTooManyRows)
	require.Len(t, many.Rows, MaxRows)

	large := NewResult[Event](t.Context())
	text := string(make([]byte, 1<<20))
	var err error
	for err == nil {
		err = large.Add(Event{Properties: text}, text)
	}
	require.True(t, errors.Is(err, ErrTooLarge))
	require.Len(t, large.Rows, 63, "a row has more than its text")
}
