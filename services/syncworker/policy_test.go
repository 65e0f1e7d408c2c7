package syncworker

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/postgres/pgtest"
	"eventanalytics/pkg/warehouse"
)

// simulation plays compaction with the real manifest and without files: it knows
// the days of each segment and merges them as the warehouse would cut them.
type simulation struct {
	*term
	days              map[int64]map[int]int64 // by segment: day → events
	events, rewritten int64
}

func newSimulation(t *testing.T, cfg Config) *simulation {
	return &simulation{term: newTerm(t, cfg, pgtest.New(t)), days: map[int64]map[int]int64{}}
}

func (s *simulation) insert(t *testing.T, project int64, level int, days map[int]int64) {
	t.Helper()
	segment := warehouse.Segment{
		ProjectID: project, Path: uuid.NewString(), Level: level, Bytes: 1, SHA256: sha256.Sum256(nil), RollUp: &warehouse.RollUpFile{},
		MinAt: start, MaxAt: start, Shredded: []string{},
	}
	for _, n := range days {
		segment.Events += n
	}
	require.NoError(t, pgx.BeginFunc(t.Context(), s.pool, func(tx pgx.Tx) error {
		return warehouse.InsertSegments(t.Context(), tx, []warehouse.Segment{segment})
	}))
	s.days[value[int64](t, s.pool, "SELECT id FROM analytics.segments WHERE path = $1", segment.Path)] = days
}

// load adds a load and merges until there is nothing to merge.
func (s *simulation) load(t *testing.T, days map[int]int64) {
	t.Helper()
	for _, n := range days {
		s.events += n
	}
	s.insert(t, 1, 0, days)
	for _, l := range []lane{earlyLane, mainLane} {
		for {
			in, err := s.candidates(t.Context(), l, nil)
			require.NoError(t, err)
			if len(in) < 2 {
				break
			}
			require.Less(t, s.merge(t, in), len(in), "a merge leaves fewer small segments than it took")
		}
	}
}

// merge returns how many of the segments it made are small.
func (s *simulation) merge(t *testing.T, in []warehouse.Segment) (small int) {
	t.Helper()
	all := map[int]int64{}
	var ids []int64
	for _, segment := range in {
		ids = append(ids, segment.ID)
		for day, n := range s.days[segment.ID] {
			all[day] += n
		}
		delete(s.days, segment.ID)
		s.rewritten += segment.Events
	}
	exec(t, s.pool, "DELETE FROM analytics.segments WHERE id = ANY ($1)", ids)
	var days []warehouse.Span
	for day := range 2000 {
		if n := all[day]; n > 0 {
			at := start.AddDate(0, 0, day)
			days = append(days, warehouse.Span{First: at, Last: at, Events: n})
		}
	}
	for _, span := range warehouse.Cut(days, s.cfg.SegmentEvents) {
		part := map[int]int64{}
		for day, n := range all {
			if at := start.AddDate(0, 0, day); !at.Before(span.First) && !at.After(span.Last) {
				part[day] = n
			}
		}
		s.insert(t, in[0].ProjectID, in[0].Level+1, part)
		if !warehouse.Finished(span.Events, s.cfg.SegmentEvents) {
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
		if warehouse.Finished(events, s.cfg.SegmentEvents) {
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
	cfg := testConfig(t)
	cfg.SegmentEvents = 10_000
	s := newSimulation(t, cfg)
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
		require.Less(t, unmerged, cfg.CompactSegments)
	}
	levels := value[int](t, s.pool, "SELECT max(level) FROM analytics.segments")
	small := value[int](t, s.pool, "SELECT count(*) FROM analytics.segments WHERE events * 2 < $1", cfg.SegmentEvents)
	written := float64(s.rewritten) / float64(s.events)
	t.Logf("%d segments, %d small, %d levels, each event rewritten %.2f times, at most %d finished segments with one day", len(s.days), small, levels, written, s.overlap())
	require.LessOrEqual(t, small, (cfg.CompactSegments-1)*(levels+1))
	require.LessOrEqual(t, written, 3.0, "the logarithm to the base 8 of the loads in half a finished segment, rounded up")
	require.LessOrEqual(t, s.overlap(), 2, "late events are apart")
}

// TestPolicyOfOneDay: a day of more than the target stands alone, however often it
// grows.
func TestPolicyOfOneDay(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	cfg.SegmentEvents = 1000
	s := newSimulation(t, cfg)
	for range 400 {
		s.load(t, map[int]int64{5: 10})
	}
	require.LessOrEqual(t, float64(s.rewritten)/float64(s.events), 3.0)
	require.LessOrEqual(t, len(s.days), 4000/500+2*(cfg.CompactSegments-1))
}

// TestDistinctDays: 250,000 events on 2,500 days of each of 100 projects end in a
// few files.
func TestDistinctDays(t *testing.T) {
	t.Parallel()
	cfg, pool := testConfig(t), pgtest.New(t)
	leader := newTerm(t, cfg, pool)
	const projects, loads, daysOfLoad = 100, 10, 250
	cfg.SegmentEvents, leader.cfg.SegmentEvents = 1_000_000, 1_000_000
	for i := range loads {
		var last outbox.Position
		for project := range projects {
			events := make([]event.Event, daysOfLoad)
			for day := range events {
				at := time.Unix(0, 0).UTC().AddDate(0, 0, day*loads+i)
				events[day] = event.Event{ID: uuid.New(), OccurredAt: at.UnixMicro(), UserID: fmt.Sprint(day % 7), Type: "t"}
			}
			last = appendTo(t, pool, int64(project+1), events...)
		}
		leader.loadAll(t, last)
		require.NoError(t, leader.compactAll(t.Context()))
	}
	// Of each project at most seven small segments a level: here one that eight
	// loads were merged into, and two loads.
	live := value[int](t, pool, "SELECT count(*) FROM analytics.segments WHERE replaced_at IS NULL")
	require.LessOrEqual(t, live, projects*3)
	require.EqualValues(t, projects*loads*daysOfLoad, value[int](t, pool, "SELECT sum(events) FROM analytics.segments WHERE replaced_at IS NULL"))
	exec(t, pool, "UPDATE analytics.segments SET replaced_at = replaced_at - interval '2 hours'")
	require.NoError(t, leader.collect(t.Context()))
	require.Len(t, files(t, cfg), live)
}

// TestSmallLoadsAreMergedBesideLargeOnes: the lanes share no segment.
func TestSmallLoadsAreMergedBesideLargeOnes(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	cfg.SegmentEvents = 1_000_000
	s := newSimulation(t, cfg)
	for range cfg.CompactSegments {
		s.insert(t, 1, 0, map[int]int64{1: earlyEvents})
		s.insert(t, 1, 0, map[int]int64{1: earlyEvents + 1})
		s.insert(t, 1, 1, map[int]int64{1: 1})
	}
	early, err := s.candidates(t.Context(), earlyLane, nil)
	require.NoError(t, err)
	require.Len(t, early, cfg.CompactSegments)
	for _, segment := range early {
		require.EqualValues(t, earlyEvents, segment.Events)
		require.Zero(t, segment.Level)
	}
	rest, err := s.candidates(t.Context(), mainLane, nil)
	require.NoError(t, err)
	require.Len(t, rest, cfg.CompactSegments)
	for _, segment := range rest {
		require.NotEqualValues(t, earlyEvents, segment.Events)
	}
}
