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
