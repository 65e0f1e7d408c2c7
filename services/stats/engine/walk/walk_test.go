package walk_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/property"
	"eventanalytics/pkg/syntax"
	files "eventanalytics/pkg/warehouse/walk"
	"eventanalytics/pkg/warehouse/walk/walktest"
	"eventanalytics/services/stats/engine"
	"eventanalytics/services/stats/engine/walk"
)

// unlimited runs scans at once.
type unlimited struct{}

func (unlimited) Do(ctx context.Context, _ int64, scan func(context.Context) error) error {
	return scan(ctx)
}

// history is some users' events in two segments. Values of "long" are more than a file
// gives codes to.
func history(t *testing.T) [][]files.Source {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	segments := make([][]files.Source, 2)
	for i := range 2000 {
		p := fmt.Sprintf(`{"n":%d,"tags":{"a":[%d,"x"]},"long":"%01100d"}`, r.IntN(9), r.IntN(4), r.IntN(5))
		if r.IntN(3) == 0 {
			p = fmt.Sprintf(`{"n":"%d"}`, r.IntN(3))
		}
		id := uuid.UUID{byte(i), byte(i >> 8)}
		segments[i%2] = append(segments[i%2], files.Source{
			User: uint32(r.IntN(50)), Us: start + int64(r.IntN(4*86_400))*1_000_000, Type: []string{"a", "b", "c"}[r.IntN(3)], ID: id, Properties: p,
		})
	}
	return segments
}

// start is 24 October 2025; clocks in Kyiv go back on the 26th.
const start = 1_761_264_000_000_000

func viewOf(t *testing.T, segments [][]files.Source) *files.View {
	t.Helper()
	var all []*files.File
	for _, events := range segments {
		all = append(all, walktest.File(t, events...))
	}
	return files.NewView(all)
}

// fromEvents tells rows from events in memory.
type fromEvents struct {
	segments [][]files.Source
	asked    int
}

func (f *fromEvents) Holding(_ context.Context, of []int, _ files.Period, zone *calendar.Zone, filter syntax.Filter) ([]*roaring.Bitmap, error) {
	f.asked++
	var sets []*roaring.Bitmap
	for _, i := range of {
		set := roaring.New()
		for row, e := range f.segments[i] {
			if holds(filter, e, zone) {
				set.Add(uint32(row))
			}
		}
		sets = append(sets, set)
	}
	return sets, nil
}

func (f *fromEvents) Values(_ context.Context, of []int, _ files.Period, field syntax.Field) ([]engine.Codes, error) {
	f.asked++
	var all []engine.Codes
	for _, i := range of {
		codes := engine.Codes{Values: []property.Value{{}}}
		for _, e := range f.segments[i] {
			value := valueOf(field, e)
			code := slices.IndexFunc(codes.Values, func(v property.Value) bool { return v.JSON() == value.JSON() })
			if code < 0 {
				code = len(codes.Values)
				codes.Values = append(codes.Values, value)
			}
			codes.Rows = append(codes.Rows, uint32(code))
		}
		all = append(all, codes)
	}
	return all, nil
}

func (f *fromEvents) Find(_ context.Context, id uuid.UUID) (at engine.RowPlace, found bool, err error) {
	for i, events := range f.segments {
		if row := slices.IndexFunc(events, func(e files.Source) bool { return e.ID == id }); row >= 0 {
			return engine.RowPlace{File: i, Row: uint32(row), Us: engine.AnyTime}, true, nil
		}
	}
	return at, false, nil
}

func (f *fromEvents) Events(_ context.Context, at []engine.RowPlace) (events []engine.Event, err error) {
	for _, p := range at {
		e := f.segments[p.File][p.Row]
		events = append(events, engine.Event{ID: e.ID.String(), OccurredAt: e.Us, UserID: fmt.Sprint("u", e.User), Type: e.Type, Properties: e.Properties})
	}
	return events, nil
}

func valueOf(f syntax.Field, e files.Source) property.Value {
	switch f.Source {
	case syntax.UserID:
		return property.OfText(fmt.Sprint("u", e.User))
	case syntax.EventType:
		return property.OfText(e.Type)
	}
	return property.Find(e.Properties, f.Keys)
}

// holds evaluates a filter on what an event has itself.
func holds(f syntax.Filter, e files.Source, zone *calendar.Zone) bool {
	switch f.Form {
	case syntax.Holds:
		return f.Condition.Test(zone).Holds(valueOf(f.Condition.Field, e))
	case syntax.Not:
		return !holds(f.Of[0], e, zone)
	case syntax.Any:
		return slices.ContainsFunc(f.Of, func(one syntax.Filter) bool { return holds(one, e, zone) })
	}
	return !slices.ContainsFunc(f.Of, func(one syntax.Filter) bool { return !holds(one, e, zone) })
}

func parse(t *testing.T, filter string) syntax.Filter {
	t.Helper()
	f, err := syntax.ParseFilter(filter)
	require.NoError(t, err)
	return f
}

// TestFilters counts the events for which filters hold: on what files know, and on what
// they do not.
func TestFilters(t *testing.T) {
	t.Parallel()
	segments := history(t)
	zone, err := calendar.Load("Europe/Kyiv")
	require.NoError(t, err)
	for filter, rows := range map[string]int{ // how often rows are asked for
		`properties.n=1`:                              0,
		`properties.n>=1`:                             0,
		`properties.n:missing`:                        0,
		`properties.nothing:missing`:                  0,
		`properties.tags.a.0=1`:                       0,
		`{"not":"properties.tags.a:has(x)"}`:          0,
		`{"any":["event_type=a","event_type=b"]}`:     0,
		`["event_type=a","properties.n:in(1,2)"]`:     0,
		`["event_type=a",{"not":"event_type=a"}]`:     0,
		`{"any":[]}`:                                  0,
		`properties.long:exists`:                      1,
		`user_id=u7`:                                  1,
		`{"not":"user_id=u7"}`:                        1,
		`["user_id=u7","properties.n=1"]`:             1,
		`{"any":["user_id=u7","properties.long~3"]}`:  1,
		`["user_id!=u7",{"not":"properties.long~3"}]`: 1,
		`["user_id!=u7","properties.long~3","event_type=a",{"any":["properties.n=1","event_type=b"]}]`: 1,
	} {
		f := parse(t, filter)
		from := &fromEvents{segments: segments}
		e := walk.New(unlimited{}, 1, viewOf(t, segments), from)
		scan := engine.Tally{Scope: engine.Scope{Zone: zone, Filter: f}, Range: engine.Range{From: 20385, To: 20390}, Interval: engine.Whole}
		cells, err := e.Tally(t.Context(), scan)
		require.NoError(t, err, filter)
		want := int64(0)
		for _, e := range slices.Concat(segments...) {
			if holds(f, e, zone) {
				want++
			}
		}
		got := int64(0)
		for _, c := range cells {
			got += c.Events
		}
		require.Equal(t, want, got, filter)
		require.Equal(t, rows, from.asked, filter)

		_, err = walk.New(unlimited{}, 1, viewOf(t, segments), nil).Tally(t.Context(), scan)
		if rows > 0 {
			require.ErrorIs(t, err, engine.ErrUnsupported, filter)
		} else {
			require.NoError(t, err, filter)
		}
	}
}

// TestFields lists the values of fields, also of those that files do not know.
func TestFields(t *testing.T) {
	t.Parallel()
	segments := history(t)
	zone, err := calendar.Load("Europe/Kyiv")
	require.NoError(t, err)
	from := &fromEvents{segments: segments}
	e := walk.New(unlimited{}, 1, viewOf(t, segments), from)
	for _, text := range []string{"event_type", "user_id", "properties.n", "properties.tags.a.0", "properties.tags", "properties.long", "properties.nothing"} {
		field, err := syntax.ParseField(text)
		require.NoError(t, err)
		want := map[engine.Text]int64{}
		for _, e := range slices.Concat(segments...) {
			v := valueOf(field, e)
			want[engine.Text{Value: v.Text(), Missing: v.Missing()}]++
		}
		rows, err := e.TopValues(t.Context(), engine.TopValues{Scope: engine.Scope{Zone: zone}, Range: engine.Range{From: 20385, To: 20390}, Field: field, Limit: 1000})
		require.NoError(t, err, text)
		got := map[engine.Text]int64{}
		for _, r := range rows {
			got[r.Text] = r.Events
		}
		require.Equal(t, want, got, text)
	}
	require.Equal(t, 2, from.asked)
}

// TestRefusals: what needs the order of different users' events, or a set for each value,
// is left to other engines.
func TestRefusals(t *testing.T) {
	t.Parallel()
	segments := history(t)
	zone, err := calendar.Load("UTC")
	require.NoError(t, err)
	e := walk.New(unlimited{}, 1, viewOf(t, segments), nil)
	n := syntax.Field{Source: syntax.Property, Keys: []string{"n"}}
	long := syntax.Field{Source: syntax.Property, Keys: []string{"long"}}
	scope, days := engine.Scope{Zone: zone}, engine.Range{From: 20385, To: 20390}
	for name, t1 := range map[string]engine.Tally{
		"first of a unit":    {Series: engine.Series{Unit: n, First: true}},
		"least of a unit":    {Series: engine.Series{Unit: n}, Least: 2},
		"an unknown unit":    {Series: engine.Series{Unit: long}},
		"unknown numbers":    {Part: engine.Numbers, Field: long},
		"an unknown history": {Breakdown: []syntax.Breakdown{{Field: syntax.Field{Source: syntax.UserProperty, Keys: []string{"long"}}}}, Groups: []engine.Group{{{}}}},
		"user ids":           {Breakdown: []syntax.Breakdown{{Field: syntax.Field{Source: syntax.UserID}}}, Groups: []engine.Group{{{}}}},
	} {
		t1.Scope, t1.Range, t1.Interval = scope, days, calendar.Day
		_, err := e.Tally(t.Context(), t1)
		require.ErrorIs(t, err, engine.ErrUnsupported, name)
	}
	for name, t1 := range map[string]engine.Tally{
		"a unit":         {Series: engine.Series{Unit: n}, Part: engine.UserSets},
		"first":          {Series: engine.Series{First: true}, Part: engine.UserSets},
		"least":          {Least: 2, Part: engine.CountUsers},
		"distinct":       {Part: engine.CountUsers, Field: n},
		"numbers":        {Part: engine.Numbers, Field: n},
		"sums":           {Part: engine.Sums, Field: n},
		"a history":      {Breakdown: []syntax.Breakdown{{Field: syntax.Field{Source: syntax.UserProperty, Keys: []string{"n"}}}}, Groups: []engine.Group{{{}}}},
		"no file has it": {Breakdown: []syntax.Breakdown{{Field: syntax.Field{Source: syntax.FirstProperty, Keys: []string{"none"}}}}, Groups: []engine.Group{{{}}}},
	} {
		t1.Scope, t1.Range, t1.Interval = scope, days, calendar.Day
		cells, err := e.Tally(t.Context(), t1)
		require.NoError(t, err, name)
		require.NotEmpty(t, cells, name)
	}
	for name, err := range map[string]error{
		"latest without events": second(e.Latest(t.Context(), engine.Latest{Scope: scope, Limit: 1})),
		"event":                 second(e.Event(t.Context(), uuid.UUID{})),
		"properties":            second(e.Properties(t.Context(), engine.Properties{Scope: scope, Range: days, Limit: 1})),
		"values":                second(e.Values(t.Context(), engine.Values{Scope: scope, Limit: 1})),
	} {
		require.ErrorIs(t, err, engine.ErrUnsupported, name)
	}
	from := &fromEvents{segments: segments}
	e = walk.New(unlimited{}, 1, viewOf(t, segments), from).Named(nil, from)
	scope.Filter = parse(t, "properties.long=1")
	_, err = e.Latest(t.Context(), engine.Latest{Scope: scope, Limit: 1})
	require.ErrorIs(t, err, engine.ErrUnsupported, "the latest by what only all rows tell")
	require.Zero(t, from.asked)
}

// TestLatest compares the latest events for which filters hold with a sort, also where they
// are far back, behind files without a value that a filter asks for.
func TestLatest(t *testing.T) {
	t.Parallel()
	all := slices.Concat(history(t)...)
	slices.SortFunc(all, func(a, b files.Source) int { return cmp.Compare(a.Us, b.Us) })
	for i := range all {
		if i > 500 { // of 2,000, in 20 segments
			all[i].Properties = strings.ReplaceAll(all[i].Properties, `"n":3`, `"n":4`)
		}
	}
	segments := slices.Collect(slices.Chunk(all, 100))
	from := &fromEvents{segments: segments}
	e := walk.New(unlimited{}, 1, viewOf(t, segments), nil).Named(nil, from)
	zone, err := calendar.Load("Europe/Kyiv")
	require.NoError(t, err)
	for _, text := range []string{
		"[]", "properties.n=3", "properties.n=100", `["properties.n=3","event_type:a"]`, `["properties.n=3","properties.n=4"]`,
		`{"any":["properties.n=3","properties.n=100"]}`, `{"any":["properties.n=100","event_type:b"]}`, `{"not":"properties.n=3"}`, `{"not":"properties.n=100"}`,
	} {
		filter := parse(t, text)
		var want []files.Source
		for _, e := range slices.Concat(segments...) {
			if holds(filter, e, zone) {
				want = append(want, e)
			}
		}
		slices.SortFunc(want, func(a, b files.Source) int { return cmp.Or(cmp.Compare(b.Us, a.Us), bytes.Compare(b.ID[:], a.ID[:])) })
		for _, limit := range []int{1, 5, 5000} {
			got, err := e.Latest(t.Context(), engine.Latest{Scope: engine.Scope{Zone: zone, Filter: filter}, Limit: limit})
			require.NoError(t, err, text)
			var ids []string
			for _, e := range got {
				ids = append(ids, e.ID)
			}
			var wanted []string
			for _, e := range want[:min(limit, len(want))] {
				wanted = append(wanted, e.ID.String())
			}
			require.Equal(t, wanted, ids, "%d of %s", limit, text)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// TestWalksEnd: a scan ends with its context.
func TestWalksEnd(t *testing.T) {
	t.Parallel()
	zone, err := calendar.Load("UTC")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	e := walk.New(unlimited{}, 1, viewOf(t, history(t)), nil)
	_, err = e.Tally(ctx, engine.Tally{Scope: engine.Scope{Zone: zone}, Range: engine.Range{From: 20385, To: 20390}, Interval: calendar.Day})
	require.ErrorIs(t, err, context.Canceled)
	_, err = e.Named(nil, &fromEvents{}).Latest(ctx, engine.Latest{Limit: 1})
	require.ErrorIs(t, err, context.Canceled)
}

// TestFilesWrittenToDuringAScan: whatever was found in them does not count.
func TestFilesWrittenToDuringAScan(t *testing.T) {
	t.Parallel()
	zone, err := calendar.Load("UTC")
	require.NoError(t, err)
	written, segments := false, history(t)
	view := viewOf(t, segments)
	view.Files()[1].Changed = func() bool { return written }
	step := syntax.Series{Events: []string{"a"}}
	funnel := engine.Funnel{
		Scope: engine.Scope{Zone: zone}, Range: engine.Range{From: 20385, To: 20390}, Steps: []syntax.Series{step, step}, Window: time.Hour, Order: engine.InOrder,
	}
	for name, scan := range map[string]func(*walk.Engine) error{
		"funnel": func(e *walk.Engine) error { return second(e.Funnel(t.Context(), funnel)) },
		"reached": func(e *walk.Engine) error {
			reached := *parse(t, `{"funnel":{"steps":["a","a"]}}`).Reached
			return second(e.Reached(t.Context(), engine.Reached{Scope: funnel.Scope, Period: engine.Always(), Reached: reached}))
		},
		"doers": func(e *walk.Engine) error {
			return second(e.Doers(t.Context(), engine.Doers{Scope: funnel.Scope, Since: math.MinInt64, Until: math.MaxInt64, Times: 2}))
		},
		"sessions": func(e *walk.Engine) error {
			return second(e.Sessions(t.Context(), engine.Sessions{Scope: funnel.Scope, Range: funnel.Range, Interval: calendar.Day, Gap: time.Minute}))
		},
		"paths": func(e *walk.Engine) error {
			return second(e.Paths(t.Context(), engine.Paths{Scope: funnel.Scope, Range: funnel.Range, Node: syntax.Field{Source: syntax.EventType}, Steps: 2, Gap: time.Minute, Top: 1}))
		},
		"latest": func(e *walk.Engine) error {
			return second(e.Named(nil, &fromEvents{segments: segments}).Latest(t.Context(), engine.Latest{Scope: funnel.Scope, Limit: 3}))
		},
		"tally": func(e *walk.Engine) error {
			return second(e.Tally(t.Context(), engine.Tally{Scope: funnel.Scope, Range: funnel.Range, Interval: calendar.Day}))
		},
	} {
		written = false
		require.NoError(t, scan(walk.New(unlimited{}, 1, view, nil)), name)
		require.ErrorIs(t, scan(walk.New(then{func() { written = true }}, 1, view, nil)), engine.ErrUnsupported, name)
	}
}

// then runs scans at once, and something after each.
type then struct{ do func() }

func (t then) Do(ctx context.Context, _ int64, scan func(context.Context) error) error {
	defer t.do()
	return scan(ctx)
}
