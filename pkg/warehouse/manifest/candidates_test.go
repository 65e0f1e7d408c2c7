package manifest

import (
	"crypto/sha256"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/platform/postgres/pgtest"
	"eventanalytics/pkg/warehouse/segment"
)

// simulation plays compaction with the real manifest and without files: it knows
// the days of each segment and merges them as the warehouse would cut them.
type simulation struct {
	pool              *pgxpool.Pool
	policy            Policy
	days              map[int64]map[int]int64 // by segment: day → events
	events, rewritten int64
}

func newSimulation(t *testing.T, target int64) *simulation {
	return &simulation{pool: pgtest.New(t), policy: Policy{Target: target, Segments: 8, RawBytes: 1 << 30, RollUpBytes: 1 << 30}, days: map[int64]map[int]int64{}}
}

var start = time.Date(2025, 8, 1, 12, 0, 0, 0, time.UTC)

func (s *simulation) insert(t *testing.T, project int64, level int, days map[int]int64) {
	t.Helper()
	made := segment.Segment{
		ProjectID: project, Path: uuid.NewString(), Level: level, Bytes: 1, RawBytes: 1, SHA256: sha256.Sum256(nil), RollUp: &segment.Companion{},
		MinAt: start, MaxAt: start, Shredded: []string{},
	}
	for _, n := range days {
		made.Events += n
	}
	require.NoError(t, Insert(t.Context(), s.pool, []segment.Segment{made}))
	s.days[value[int64](t, s.pool, "SELECT id FROM analytics.segments WHERE path = $1", made.Path)] = days
}

// load adds a load and merges until there is nothing to merge.
func (s *simulation) load(t *testing.T, days map[int]int64) {
	t.Helper()
	for _, n := range days {
		s.events += n
	}
	s.insert(t, 1, 0, days)
	for _, l := range []Lane{EarlyLane, MainLane} {
		for {
			in := s.candidates(t, l)
			if len(in) < 2 {
				break
			}
			require.Less(t, s.merge(t, in), len(in), "a merge leaves fewer small segments than it took")
		}
	}
}

func (s *simulation) candidates(t *testing.T, l Lane) []segment.Segment {
	t.Helper()
	in, err := Candidates(t.Context(), s.pool, l, s.policy, nil, Mark{})
	require.NoError(t, err)
	return in
}

// merge returns how many of the segments it made are small.
func (s *simulation) merge(t *testing.T, in []segment.Segment) (small int) {
	t.Helper()
	all := map[int]int64{}
	var ids []int64
	for _, from := range in {
		ids = append(ids, from.ID)
		for day, n := range s.days[from.ID] {
			all[day] += n
		}
		delete(s.days, from.ID)
		s.rewritten += from.Events
	}
	_, err := s.pool.Exec(t.Context(), "DELETE FROM analytics.segments WHERE id = ANY ($1)", ids)
	require.NoError(t, err)
	var days []segment.Span
	for day := range 2000 {
		if n := all[day]; n > 0 {
			at := start.AddDate(0, 0, day)
			days = append(days, segment.Span{First: at, Last: at, Events: n})
		}
	}
	for _, span := range segment.Cut(days, s.policy.Target) {
		part := map[int]int64{}
		for day, n := range all {
			if at := start.AddDate(0, 0, day); !at.Before(span.First) && !at.After(span.Last) {
				part[day] = n
			}
		}
		s.insert(t, in[0].ProjectID, in[0].Level+1, part)
		if !segment.Finished(span.Events, s.policy.Target) {
			small++
		}
	}
	return small
}

// overlap returns the most finished segments that one day is in.
func (s *simulation) overlap() (most int) {
	finished := map[int]int{}
	for _, days := range s.days {
		var events int64
		for _, n := range days {
			events += n
		}
		if segment.Finished(events, s.policy.Target) {
			for day := range days {
				finished[day]++
				most = max(most, finished[day])
			}
		}
	}
	return most
}

// TestPolicyOfSteadyLoading: two months of small loads, two events of a hundred up
// to thirty days late, a finished segment every four days.
func TestPolicyOfSteadyLoading(t *testing.T) {
	t.Parallel()
	s := newSimulation(t, 10_000)
	r := rand.New(rand.NewPCG(1, 1))
	const loads, eventsOfLoad, loadsOfDay = 1600, 100, 25
	for i := range loads {
		today := 30 + i/loadsOfDay
		days := map[int]int64{}
		for range eventsOfLoad {
			day := today
			if r.IntN(50) == 0 {
				day -= r.IntN(31)
			}
			days[day]++
		}
		s.load(t, days)
		unmerged := value[int](t, s.pool, "SELECT count(*) FROM analytics.segments WHERE level = 0")
		require.Less(t, unmerged, s.policy.Segments)
	}
	levels := value[int](t, s.pool, "SELECT max(level) FROM analytics.segments")
	small := value[int](t, s.pool, "SELECT count(*) FROM analytics.segments WHERE events * 2 < $1", s.policy.Target)
	written := float64(s.rewritten) / float64(s.events)
	t.Logf("%d segments, %d small, %d levels, each event rewritten %.2f times, at most %d finished segments with one day", len(s.days), small, levels, written, s.overlap())
	require.LessOrEqual(t, small, (s.policy.Segments-1)*(levels+1))
	require.LessOrEqual(t, written, 3.0, "the logarithm to the base 8 of the loads in half a finished segment, rounded up")
	require.LessOrEqual(t, s.overlap(), 2, "late events are apart")
}

// TestPolicyOfOneDay: a day of more than the target stands alone, however often it
// grows.
func TestPolicyOfOneDay(t *testing.T) {
	t.Parallel()
	s := newSimulation(t, 1000)
	for range 400 {
		s.load(t, map[int]int64{5: 10})
	}
	require.LessOrEqual(t, float64(s.rewritten)/float64(s.events), 3.0)
	require.LessOrEqual(t, len(s.days), 4000/500+2*(s.policy.Segments-1))
}

// TestSmallLoadsAreMergedBesideLargeOnes: the lanes share no segment.
func TestSmallLoadsAreMergedBesideLargeOnes(t *testing.T) {
	t.Parallel()
	s := newSimulation(t, 1_000_000)
	for range s.policy.Segments {
		s.insert(t, 1, 0, map[int]int64{1: earlyEvents})
		s.insert(t, 1, 0, map[int]int64{1: earlyEvents + 1})
		s.insert(t, 1, 1, map[int]int64{1: 1})
	}
	early := s.candidates(t, EarlyLane)
	require.Len(t, early, s.policy.Segments)
	for _, taken := range early {
		require.EqualValues(t, earlyEvents, taken.Events)
		require.Zero(t, taken.Level)
	}
	rest := s.candidates(t, MainLane)
	require.Len(t, rest, s.policy.Segments)
	for _, taken := range rest {
		require.NotEqualValues(t, earlyEvents, taken.Events)
	}
}

// What a merge reads is within all bounds, whatever the sizes of segments are, and it
// has at least four of them, so that it leaves fewer than it took.
func TestMergesAreBoundedInMemory(t *testing.T) {
	t.Parallel()
	const raw, rollUp, loads = 64_000, 16_000, 600
	r := rand.New(rand.NewPCG(2, 2))
	pool, p := pgtest.New(t), Policy{Target: 1_000_000, Segments: 8, RawBytes: raw, RollUpBytes: rollUp}
	var segments []segment.Segment
	for range loads {
		size := func(most int64) int64 { return 1 + int64(float64(most)*math.Pow(r.Float64(), 6)) } // small ones mostly
		segments = append(segments, segment.Segment{
			ProjectID: 1 + r.Int64N(3), Path: uuid.NewString(), Events: 1 + r.Int64N(2*earlyEvents), Bytes: 1, RawBytes: size(raw),
			RollUp: &segment.Companion{Bytes: size(rollUp)}, MinAt: start, MaxAt: start, Shredded: []string{},
		})
	}
	require.NoError(t, Insert(t.Context(), pool, segments))
	merged := 0
	for lane, share := range map[Lane]int64{EarlyLane: earlyShare, MainLane: 1} {
		for {
			in, err := Candidates(t.Context(), pool, lane, p, nil, Mark{})
			require.NoError(t, err)
			if len(in) == 0 {
				break
			}
			require.GreaterOrEqual(t, len(in), inputs)
			var rawBytes, rollUpBytes int64
			for _, s := range in {
				rawBytes, rollUpBytes = rawBytes+s.RawBytes, rollUpBytes+s.RollUp.Bytes
			}
			require.LessOrEqual(t, rawBytes, raw/share)
			require.LessOrEqual(t, rollUpBytes, rollUp/share)
			merged += len(in)
			_, err = pool.Exec(t.Context(), "DELETE FROM analytics.segments WHERE id = ANY ($1)", idsOf(in))
			require.NoError(t, err)
		}
	}
	// What is left is too few of a kind, or too large: never one of three small ones.
	require.Greater(t, merged, loads/2)
	var small int
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT count(*) FROM analytics.segments WHERE raw_bytes <= $1 AND rollup_bytes <= $2",
		raw/inputs, rollUp/inputs).Scan(&small))
	require.LessOrEqual(t, small, 3*2*(p.Segments-1))
}

// A segment of a worker that did not note sizes is merged once it is measured.
func TestUnmeasuredSegments(t *testing.T) {
	t.Parallel()
	pool, p := pgtest.New(t), Policy{Target: 1000, Segments: 2, RawBytes: 1 << 20, RollUpBytes: 1 << 20}
	for _, events := range []int64{1, 1, 600} {
		require.NoError(t, Insert(t.Context(), pool, []segment.Segment{{
			ProjectID: 1, Path: uuid.NewString(), Events: events, Bytes: 1, RollUp: &segment.Companion{}, MinAt: start, MaxAt: start,
		}}))
	}
	for want := 2; want > 0; want-- {
		in, err := Candidates(t.Context(), pool, EarlyLane, p, nil, Mark{})
		require.NoError(t, err)
		require.Empty(t, in)
		s, ok, err := Unmeasured(t.Context(), pool, p, nil)
		require.NoError(t, err)
		require.True(t, ok)
		require.NoError(t, Measured(t.Context(), pool, s, 77))
	}
	_, ok, err := Unmeasured(t.Context(), pool, p, nil)
	require.NoError(t, err)
	require.False(t, ok, "a finished segment needs no size")
	in, err := Candidates(t.Context(), pool, EarlyLane, p, nil, Mark{})
	require.NoError(t, err)
	require.Len(t, in, 2)
	require.EqualValues(t, 77, in[0].RawBytes)
}
