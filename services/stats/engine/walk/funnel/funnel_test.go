package funnel

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/oracle"
)

// scale is how much is tried: SCALE thousand histories.
func scale(t *testing.T) int {
	n, err := strconv.Atoi(cmp.Or(os.Getenv("SCALE"), "5"))
	require.NoError(t, err)
	return n
}

func seeded(t *testing.T) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("SEED"); s != "" {
		_, err := fmt.Sscan(s, &seed)
		require.NoError(t, err)
	}
	t.Logf("SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// history makes the events of a user: few instants, so that many are ties; the last ones
// are behind the range. Types say what they fit.
func history(g *rand.Rand, rules Rules, orderly bool) []oracle.Event {
	begin := time.Date(2025, 8, 4, 23, 57, 0, 0, time.UTC)
	instants := 1 + g.IntN(9)
	events := make([]oracle.Event, g.IntN(11))
	even := orderly || g.IntN(2) == 0
	if even && g.IntN(2) == 0 { // each event has an instant of its own
		instants = max(instants, len(events))
	}
	for i := range events {
		fits := 0
		for step := range rules.Steps {
			if g.IntN(rules.Steps) == 0 {
				fits |= 1 << step
			}
		}
		if orderly && g.IntN(2) == 0 {
			fits |= 1 << (i * rules.Steps / len(events))
		}
		excludes := 0
		for i := range rules.Exclude {
			if g.IntN(4) == 0 {
				excludes |= 1 << i
			}
		}
		at := g.IntN(instants)
		if even {
			at = i * instants / len(events)
		}
		events[i] = oracle.Event{
			ID: fmt.Sprint(i), UserID: "u", Type: fmt.Sprintf("%d %d", fits, excludes), Properties: fmt.Sprintf(`{"id":%d}`, i),
			At: begin.Add(time.Duration(at) * 25 * time.Second),
		}
	}
	return events
}

// naive is the question to the oracle.
func naive(rules Rules, attribution int) oracle.Funnel {
	q := oracle.Funnel{
		Scope:    oracle.Scope{From: "2025-08-04", To: "2025-08-04", Zone: time.UTC},
		Split:    oracle.Split{Breakdown: []oracle.Breakdown{{Field: oracle.Field{Source: "properties", Keys: []string{"id"}}}}, Top: 1},
		Interval: "minute", Window: time.Duration(rules.Window) * time.Microsecond, Attribution: attribution,
		Order: map[Order]string{Ordered: "ordered", Any: "any", Strict: "strict"}[rules.Order],
	}
	typesWith := func(place, bit int) (types []string) {
		for fits := range 1 << rules.Steps {
			for excludes := range 1 << len(rules.Exclude) {
				if []int{fits, excludes}[place]>>bit&1 != 0 {
					types = append(types, fmt.Sprintf("%d %d", fits, excludes))
				}
			}
		}
		return types
	}
	for i := range rules.Steps {
		q.Steps = append(q.Steps, oracle.Series{Types: typesWith(0, i)})
	}
	for i, x := range rules.Exclude {
		q.Exclude = append(q.Exclude, oracle.Exclude{Types: typesWith(1, i), After: x.After, Before: x.Before})
	}
	return q
}

// ruled makes rules.
func ruled(g *rand.Rand) Rules {
	rules := Rules{Steps: 2 + g.IntN(4), Order: Order(g.IntN(3)), Window: (1 + g.Int64N(8)) * 25_000_000, Buckets: 3}
	if rules.Order != Any {
		for range g.IntN(3) {
			after := 1 + g.IntN(rules.Steps-1)
			rules.Exclude = append(rules.Exclude, Exclusion{after, after + 1 + g.IntN(rules.Steps-after)})
		}
	}
	return rules
}

// TestAgainstSearch compares the attempts with those that the oracle finds by trying every
// chain of events.
func TestAgainstSearch(t *testing.T) {
	t.Parallel()
	g := seeded(t)
	seen := map[string]int{}
	for range scale(t) * 100 {
		rules := ruled(g)
		attribution := g.IntN(rules.Steps + 1)
		q := naive(rules, attribution)
		f := New(rules)
		for range 10 {
			events := history(g, rules, g.IntN(2) == 0)
			got := found(t, f, events, attribution)
			var want []string
			for _, a := range q.Best(events) {
				want = append(want, written(a.Bucket, a.Times, a.Values[0]))
				seen[fmt.Sprint(q.Order, " ", len(a.Times))]++
			}
			if len(want) > 1 {
				seen["buckets"]++
			}
			if f.apart && len(events) > 5 {
				seen["apart"]++
			}
			slices.Sort(want)
			if !slices.Equal(want, got) {
				require.Equal(t, want, got, "%+v attribution %d: %s", rules, attribution, shown(events))
			}
		}
	}
	t.Log(seen)
	for _, order := range []string{"ordered", "any", "strict"} {
		for reached := range 5 {
			require.Positive(t, seen[fmt.Sprint(order, " ", reached+1)], "%s %d", order, reached+1)
		}
	}
	require.Positive(t, seen["buckets"])
	require.Positive(t, seen["apart"])
}

func written(bucket string, times []time.Time, value *string) string {
	id := "null"
	if value != nil {
		id = *value
	}
	text := bucket[11:16] + " of " + id
	for _, at := range times {
		text += " " + at.Format("15:04:05")
	}
	return text
}

func shown(events []oracle.Event) string {
	text, err := json.Marshal(events)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// found are the attempts that a Finder finds.
func found(t *testing.T, f *Finder, events []oracle.Event, attribution int) (all []string) {
	sorted := slices.Clone(events)
	slices.SortFunc(sorted, func(a, b oracle.Event) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Type, b.Type), cmp.Compare(a.ID, b.ID))
	})
	var list []Event
	var ids []string
	for _, e := range sorted {
		var fits, excludes uint32
		_, err := fmt.Sscan(e.Type, &fits, &excludes)
		require.NoError(t, err)
		if fits|excludes == 0 && f.rules.Order != Strict {
			continue
		}
		bucket := int32(NoBucket)
		if e.At.Day() == 4 {
			bucket = int32(e.At.Minute() - 57)
		}
		list, ids = append(list, Event{e.At.UnixMicro(), fits, excludes, bucket}), append(ids, e.ID)
	}
	attempts, err := f.Best(t.Context(), list)
	require.NoError(t, err)
	for _, a := range attempts {
		var times []time.Time
		for _, us := range a.Us[:a.Reached] {
			times = append(times, time.UnixMicro(us).UTC())
		}
		var value *string
		if step := cmp.Or(attribution, a.Reached); step <= a.Reached {
			value = &ids[f.Event(&a, step)]
		}
		all = append(all, written(fmt.Sprintf("2025-08-04T23:%02d", a.Bucket+57), times, value))
	}
	slices.Sort(all)
	return all
}

// TestInTurn compares the attempts of longer histories, of which no two events are ties, with
// those that the search finds that needs no such thing.
func TestInTurn(t *testing.T) {
	t.Parallel()
	g := seeded(t)
	for range scale(t) * 2000 {
		rules := Rules{Steps: 2 + g.IntN(4), Window: 1 + g.Int64N(12), Buckets: 1 + g.IntN(4)}
		events := make([]Event, g.IntN(40))
		for i := range events {
			events[i] = Event{Us: int64(i), Fits: g.Uint32N(1<<rules.Steps) & g.Uint32(), Bucket: int32(i*(rules.Buckets+1)/len(events)) - 1}
		}
		f := New(rules)
		got, err := f.Best(t.Context(), events)
		require.NoError(t, err)
		require.True(t, f.apart)
		search := New(rules)
		search.events = events
		search.read(events)
		require.NoError(t, search.eachEntry(t.Context()))
		require.Len(t, got, len(search.best))
		for i, want := range search.best {
			require.Equal(t, want.Bucket, got[i].Bucket)
			require.Equal(t, want.Us[:want.Reached], got[i].Us[:got[i].Reached], "%+v %v", rules, events)
			for step := range want.Reached {
				require.Equal(t, search.Event(&want, step+1), f.Event(&got[i], step+1))
			}
		}
	}
}

// TestSet compares a set with a list.
func TestSet(t *testing.T) {
	t.Parallel()
	g := seeded(t)
	var s set
	for _, n := range []int{0, 1, 63, 64, 65, 4095, 4096, 4097, 300_000, 2, 70_000} {
		s.reset(n)
		in := make([]bool, n)
		for range min(n, 1+g.IntN(20)) {
			p := g.IntN(n)
			in[p] = true
			s.add(p)
		}
		next := -1
		for p := n; p >= 0; p-- {
			if p < n && in[p] {
				next = p
			}
			require.Equal(t, next, s.next(p), "%d of %d", p, n)
		}
	}
}

// TestLongHistory: a user with many events is not a reason to wait for others. The last
// two steps are so far from each other that no attempt has both.
func TestLongHistory(t *testing.T) {
	t.Parallel()
	n := 10_000 * scale(t)
	const others = 1<<(MaxSteps-2) - 1
	for name, fits := range map[string]func(i int) uint32{
		"all steps":  func(int) uint32 { return others },
		"one each":   func(i int) uint32 { return 1 << (i % (MaxSteps - 2)) },
		"any of all": func(i int) uint32 { return 1 | bits.Reverse32(uint32(i))>>12&others },
	} {
		for _, tie := range []int{1, 2, n} { // events at an instant
			for _, order := range []Order{Ordered, Any, Strict} {
				events := make([]Event, n)
				for i := range events {
					events[i] = Event{Us: int64(i / tie), Fits: fits(i)}
				}
				events[0].Fits, events[n-1].Fits = 1<<(MaxSteps-1), 1<<(MaxSteps-2)
				begun := time.Now()
				attempts, err := New(Rules{Steps: MaxSteps, Window: int64(n / 2), Order: order, Buckets: 1}).Best(t.Context(), events)
				require.NoError(t, err)
				require.Len(t, attempts, 1)
				t.Logf("%s, %d at an instant, order %d: reached %d in %s", name, tie, order, attempts[0].Reached, time.Since(begun))
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	events := make([]Event, n)
	for i := range events {
		events[i] = Event{Us: int64(i), Fits: 1}
	}
	events[n-1].Fits = 2 // no attempt has the time, but for the last
	for _, order := range []Order{Ordered, Any, Strict} {
		_, err := New(Rules{Steps: 2, Window: 1, Order: order, Buckets: 1}).Best(ctx, events)
		require.ErrorIs(t, err, context.Canceled, order)
	}
}
