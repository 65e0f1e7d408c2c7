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

// noting notes the scans that it is asked to serve.
type noting struct {
	Unsupported
	doers   *int
	reached *[]Period
}

func (noting) Name() string { return "noting" }

func (n noting) Doers(context.Context, Doers) (*roaring.Bitmap, error) {
	*n.doers++
	return roaring.BitmapOf(uint32(*n.doers)), nil
}

func (n noting) Reached(_ context.Context, r Reached) (*roaring.Bitmap, error) {
	*n.reached = append(*n.reached, r.Period)
	return roaring.BitmapOf(7), nil
}

func (noting) Counts(context.Context, Counts) ([]Count, error) { return nil, nil }

// TestScansAreKept: what users did is found once, and kept by the end of the range alone,
// unless a funnel begins in it.
func TestScansAreKept(t *testing.T) {
	t.Parallel()
	zone, err := calendar.Load("UTC")
	require.NoError(t, err)
	parse := func(text string) syntax.Filter {
		f, err := syntax.ParseFilterJSON([]byte(text))
		require.NoError(t, err, text)
		return f
	}
	var doers int
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
		doers, reached = 0, nil
		_, err := src.Counts(t.Context(), Counts{Scope: Scope{Zone: zone, Filter: parse(filter)}, Range: Range{day(from), day("2025-08-31")}})
		require.NoError(t, err, filter)
	}
	const several = `["cohort:two",{"any":[{"did":"a"},{"did":"b","times":"<3"},"cohort:list"]},{"did":{"event":"e","filter":"cohort:two"}}]`
	ask(several, "2025-08-01")
	require.Equal(t, 5, doers, "c, user.plan, a, b, and e of the users of a cohort")
	ask(several, "2025-08-01")
	require.Zero(t, doers)
	ask(several, "2025-07-01")
	require.Zero(t, doers, "the end is the same")

	const funnels = `["cohort:funnel",{"did":{"filter":"cohort:funnel"}}]`
	ask(funnels, "2025-08-01")
	require.Equal(t, 2, doers, "d, and what looks at the funnel's users")
	require.Len(t, reached, 1)
	ask(funnels, "2025-08-01")
	require.Zero(t, doers)
	require.Empty(t, reached)
	ask(funnels, "2025-07-01")
	require.Equal(t, 1, doers, "what looks at the funnel's users")
	require.Len(t, reached, 1, "others begin in the range")
	src.Named["funnel"] = Cohort{Key: "4", Filter: src.Named["funnel"].Filter}
	ask(`"cohort:funnel"`, "2025-07-01")
	require.Empty(t, reached, "the same funnel under whichever name")
}
