package stats

import (
	"errors"
	"math"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"eventanalytics/pkg/warehouse/duckdb"
	"eventanalytics/pkg/warehouse/replica"
	"eventanalytics/pkg/warehouse/sandbox"
	"eventanalytics/services/stats/engine"
	"eventanalytics/services/stats/engine/clickhouse"
	"eventanalytics/services/stats/inflight"
)

func (s *Service) measure(registry prometheus.Registerer) {
	f := promauto.With(registry)
	s.seconds = f.NewHistogramVec(prometheus.HistogramOpts{
		Name: "analytics_stats_query_seconds", Help: "Time to compute an answer from roll-ups, events by user, raw events or another engine, waiting for a place included.",
		Buckets: []float64{.00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
	}, []string{"metric", "source"})
	s.answers = f.NewCounterVec(prometheus.CounterOpts{
		Name: "analytics_stats_answers_total",
		Help: "Answers given, by how they came about: computed, shared with another request, cached, or not_modified because the client had them.",
	}, []string{"metric", "source"})
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "analytics_stats_cache_answers", Help: "Answers kept in memory.",
	}, func() float64 { answers, _ := s.cache.Held(); return float64(answers) })
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "analytics_stats_cache_bytes", Help: "Estimated memory of the answers kept.",
	}, func() float64 { _, bytes := s.cache.Held(); return float64(bytes) })
	s.refused = f.NewCounterVec(prometheus.CounterOpts{
		Name: "analytics_stats_refused_total",
		Help: "Questions refused for what they take: no room for an answer in STATS_ANSWER_BYTES (room), no turn in time (turn), an answer over its limits (length), a query over its memory (memory) or time (time).",
	}, []string{"reason"})
	for _, r := range refusals {
		s.refused.WithLabelValues(r.reason)
	}
	s.statements = f.NewCounterVec(prometheus.CounterOpts{
		Name: "analytics_stats_sql_statements_total",
		Help: "Statements of POST /api/sql, by what became of them: answered; refused for what they would do (refused); not understood, or with a wrong value (invalid); over their memory (memory), their time (time) or the limits of answers (length); not run because others did (busy); given up by the client (left); failed.",
	}, []string{"outcome"})
	for _, o := range sqlOutcomes {
		s.statements.WithLabelValues(o)
	}
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "analytics_stats_sql_running_statements", Help: "Statements of POST /api/sql that run; SQL_MAX_STATEMENTS bounds them.",
	}, func() float64 { return float64(s.sql.Running()) })
	s.slow = f.NewCounter(prometheus.CounterOpts{
		Name: "analytics_stats_slow_readers_total", Help: "Clients that took too long for their answer, or left before its end.",
	})
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "analytics_stats_streams", Help: "Streams of events that are open.",
	}, func() float64 { return float64(s.feed.Streams()) })
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "analytics_stats_in_flight_bytes", Help: "What the answers that are being computed or sent count for; STATS_ANSWER_BYTES bounds it.",
	}, func() float64 { return float64(s.inFlight.Used()) })
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "analytics_stats_waiting_queries", Help: "Queries of events that wait for their project's turn.",
	}, func() float64 { return float64(s.db.Waiting()) })
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "analytics_stats_manifest_age_seconds", Help: "Time since the manifest was last looked at with success, +Inf before the first time.",
	}, func() float64 {
		age, ok := s.reader.Age()
		if !ok {
			return math.Inf(1)
		}
		return age.Seconds()
	})
	gauge := func(name, help string, value func(*replica.Snapshot) float64) {
		f.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			snapshot, err := s.reader.Current()
			if err != nil {
				return 0
			}
			return value(snapshot)
		})
	}
	gauge("analytics_stats_manifest_version", "Version of the manifest that questions are answered from, 0 for none.",
		func(v *replica.Snapshot) float64 { return float64(v.Version) })
	gauge("analytics_stats_segments", "Segments in the version that questions are answered from.",
		func(v *replica.Snapshot) float64 { return float64(v.Live()) })
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "analytics_stats_quarantined_segments", Help: "Files of segments that are not what the manifest says; questions that need the events in them are refused.",
	}, func() float64 { return float64(s.reader.Quarantined()) })
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "analytics_stats_rollup_bytes", Help: "Memory that roll-ups take; WAREHOUSE_ROLLUP_BYTES bounds it.",
	}, func() float64 { return float64(s.reader.RollUpBytes()) })
	gauge("analytics_stats_projects_without_rollup", "Projects that are answered from their events alone, because memory is short, a roll-up is damaged or a segment has none.",
		func(v *replica.Snapshot) float64 { return float64(v.WithoutRollUp()) })
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "analytics_stats_users_made_bytes", Help: "Memory that events by user take that were made again because their file is damaged or of an older version; WAREHOUSE_USERS_BYTES bounds it.",
	}, func() float64 { return float64(s.reader.MadeBytes()) })
	gauge("analytics_stats_projects_without_users", "Projects whose events by user are not at hand, because a file is damaged or still to be checked, or a segment has none.",
		func(v *replica.Snapshot) float64 { return float64(v.WithoutWalk()) })
	gauge("analytics_stats_complete_until_timestamp_seconds", "Events acknowledged before this instant are counted, 0 before the manifest was read.",
		func(v *replica.Snapshot) float64 { return float64(v.CompleteUntil.UnixMilli()) / 1000 })
}

// refusals are the reasons to refuse a question for what it takes.
var refusals = []struct {
	err    error
	reason string
}{
	{inflight.ErrBusy, "room"},
	{engine.ErrNoRoom, "room"},
	{duckdb.ErrBusy, "turn"},
	{sandbox.ErrBusy, "turn"},
	{engine.ErrTooManyRows, "length"},
	{engine.ErrTooLarge, "length"},
	{duckdb.ErrMemory, "memory"},
	{clickhouse.ErrMemory, "memory"},
	{duckdb.ErrTimeout, "time"},
	{engine.ErrTimeout, "time"},
	{clickhouse.ErrTimeout, "time"},
	{sandbox.ErrTimeout, "time"},
}

// refusalOf returns the reason of a refusal, "" for other errors.
func refusalOf(err error) string {
	for _, r := range refusals {
		if errors.Is(err, r.err) {
			return r.reason
		}
	}
	return ""
}

func (s *Service) countRefusal(err error) {
	if reason := refusalOf(err); reason != "" {
		s.refused.WithLabelValues(reason).Inc()
	}
}
