package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/syntax"
)

func setOf(except bool, keys ...uint32) Set { return Set{roaring.BitmapOf(keys...), except} }

// TestSetAlgebra compares sets with what they mean for each user.
func TestSetAlgebra(t *testing.T) {
	t.Parallel()
	var all []Set
	for _, except := range []bool{false, true} {
		all = append(all, setOf(except), setOf(except, 1), setOf(except, 1, 2), setOf(except, 3), setOf(except, 0, 1, 2, 3, 4))
	}
	for _, a := range all {
		for _, b := range all {
			for key := range uint32(6) {
				require.Equal(t, a.Has(key) || b.Has(key), a.or(b).Has(key))
				require.Equal(t, a.Has(key) && b.Has(key), a.and(b).Has(key))
			}
		}
		for key := range uint32(6) {
			require.Equal(t, !a.Has(key), a.not().Has(key))
		}
	}
}

// TestSetsAreBounded: a project's sets make room for another's, the oldest first.
func TestSetsAreBounded(t *testing.T) {
	t.Parallel()
	one := roaring.BitmapOf(7)
	size := sizeOf("000", one)
	s := NewSets(10 * size)
	keep := func(project int64, key string, users *roaring.Bitmap) {
		s.Keep(project, key, users, sizeOf(key, users))
	}
	keep(2, "000", one)
	for i := range 100 {
		keep(1, fmt.Sprintf("%03d", i), one)
		_, used := s.Held()
		require.LessOrEqual(t, used, 10*size)
	}
	_, has := s.Get(2, "000")
	require.True(t, has, "the other project's")
	_, has = s.Get(1, "099")
	require.True(t, has)
	_, has = s.Get(1, "000")
	require.False(t, has)
	large := roaring.New()
	for i := range uint32(size * 10) {
		large.Add(i * 3)
	}
	keep(3, "large", large)
	_, has = s.Get(3, "large")
	require.False(t, has, "more than a quarter")
	var none *Sets
	none.Keep(1, "a", one, 1)
	_, has = none.Get(1, "a")
	require.False(t, has)
}

// doing serves sets of users, slowly.
type doing struct {
	Unsupported
	scans *int
}

func (doing) Name() string { return "doing" }

func (d doing) Doers(ctx context.Context, _ Doers) (*roaring.Bitmap, error) {
	*d.scans++
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(20 * time.Millisecond):
		return roaring.BitmapOf(1), nil
	}
}

func (doing) Counts(_ context.Context, c Counts) ([]Count, error) {
	return []Count{{Events: int64(len(c.Sets))}}, nil
}

// TestResolvingEnds: a hundred conditions on what users did are found within one time
// limit, each once, and from the cache the next time.
func TestResolvingEnds(t *testing.T) {
	t.Parallel()
	zone, err := calendar.Load("UTC")
	require.NoError(t, err)
	var parts []string
	for i := range syntax.MaxConditions {
		parts = append(parts, fmt.Sprintf(`{"did":"type %d"}`, i/2)) // each twice
	}
	f, err := syntax.ParseFilterJSON([]byte("[" + strings.Join(parts, ",") + "]"))
	require.NoError(t, err)
	day, err := calendar.ParseDate("2025-08-01")
	require.NoError(t, err)
	scans := 0
	src := NewSource(time.Time{}, time.Time{}, doing{scans: &scans})
	src.Kept, src.Timeout = NewSets(1<<20), 100*time.Millisecond
	ask := Counts{Scope: Scope{Zone: zone, Filter: f}, Range: Range{day, day}}
	_, err = src.Counts(t.Context(), ask)
	require.ErrorIs(t, err, ErrTimeout)
	require.Less(t, scans, 20)
	src.Timeout = time.Minute
	scans = 0
	rows, err := src.Counts(t.Context(), ask)
	require.NoError(t, err)
	require.EqualValues(t, 50, rows[0].Events)
	require.LessOrEqual(t, scans, 50)
	scans = 0
	_, err = src.Counts(t.Context(), ask)
	require.NoError(t, err)
	require.Zero(t, scans)
	src.Data = "later"
	_, err = src.Counts(t.Context(), ask)
	require.NoError(t, err)
	require.Equal(t, 50, scans)
	written, err := json.Marshal(ask.Filter)
	require.NoError(t, err)
	require.Contains(t, string(written), `{"did":"type 0"}`, "the question's filter stays as it was asked")
}
