package engine

import (
	"context"
	"testing"
	"time"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/syntax"
)

// noting notes how many scans it is asked to serve at once.
type noting struct {
	Unsupported
	doers   *[]int
	reached *[]Period
}

func (noting) Name() string { return "noting" }

func (n noting) Doers(_ context.Context, all []Doers) (found []*roaring.Bitmap, err error) {
	*n.doers = append(*n.doers, len(all))
	for i := range all {
		found = append(found, roaring.BitmapOf(uint32(i)))
	}
	return found, nil
}

func (n noting) Reached(_ context.Context, r Reached) (*roaring.Bitmap, error) {
	*n.reached = append(*n.reached, r.Period)
	return roaring.BitmapOf(7), nil
}

func (noting) Counts(context.Context, Counts) ([]Count, error) { return nil, nil }

// TestTogether: what users did is found in one scan, but for what looks at a set itself; and
// what was found is kept by the end of the range alone, unless a funnel begins in it.
func TestTogether(t *testing.T) {
	t.Parallel()
	zone, err := calendar.Load("UTC")
	require.NoError(t, err)
	parse := func(text string) syntax.Filter {
		f, err := syntax.ParseFilterJSON([]byte(text))
		require.NoError(t, err, text)
		return f
	}
	var doers []int
	var reached []Period
	src := NewSource(time.Time{}, time.Time{}, noting{doers: &doers, reached: &reached})
	src.Kept = NewSets(1 << 20)
	src.Named = map[string]Cohort{
		"two":    {Key: "1", Filter: parse(`[{"did":"c"},"user.plan=pro",{"did":"a"}]`)},
		"funnel": {Key: "2", Filter: parse(`{"not":{"funnel":{"steps":["a",{"filter":{"did":"d"}}]}}}`)},
		"list":   {Key: "3", Users: func(context.Context) (*roaring.Bitmap, error) { return roaring.BitmapOf(3), nil }},
	}
	day := func(text string) calendar.Date {
		d, err := calendar.ParseDate(text)
		require.NoError(t, err)
		return d
	}
	ask := func(filter, from string) {
		doers, reached = nil, nil
		_, err := src.Counts(t.Context(), Counts{Scope: Scope{Zone: zone, Filter: parse(filter)}, Range: Range{day(from), day("2025-08-31")}})
		require.NoError(t, err, filter)
	}
	const several = `["cohort:two",{"any":[{"did":"a"},{"did":"b","times":"<3"},"cohort:list"]},{"did":{"event":"e","filter":"cohort:two"}}]`
	ask(several, "2025-08-01")
	require.Equal(t, []int{4, 1}, doers, "c, user.plan, a, b; then e, of the users of a cohort")
	ask(several, "2025-08-01")
	require.Empty(t, doers)
	ask(several, "2025-07-01")
	require.Empty(t, doers, "the end is the same")

	const funnels = `["cohort:funnel",{"did":{"filter":"cohort:funnel"}}]`
	ask(funnels, "2025-08-01")
	require.Equal(t, []int{1, 1}, doers, "d; then what looks at the funnel's users")
	require.Len(t, reached, 1)
	ask(funnels, "2025-08-01")
	require.Empty(t, doers)
	require.Empty(t, reached)
	ask(funnels, "2025-07-01")
	require.Equal(t, []int{1}, doers, "what looks at the funnel's users")
	require.Len(t, reached, 1, "others begin in the range")
	src.Named["funnel"] = Cohort{Key: "4", Filter: src.Named["funnel"].Filter}
	ask(`"cohort:funnel"`, "2025-07-01")
	require.Empty(t, reached, "the same funnel under whichever name")
}
