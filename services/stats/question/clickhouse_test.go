package question_test

import (
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zaptest"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/warehouse/segment"
	"eventanalytics/services/stats/engine"
	"eventanalytics/services/stats/engine/clickhouse"
)

// TestClickHouse is TestQuestions for one project: what CI has time for. With TEST_CLICKHOUSE
// all tests of questions ask ClickHouse, too.
func TestClickHouse(t *testing.T) {
	g := seeded(t, uint64(time.Now().UnixNano()))
	w := newWorld(t)
	if w.clickHouse == nil {
		t.Skip("there is no ClickHouse: make engine-test starts one")
	}
	s := pick(g, scenes)
	g.kinds = g.someKinds()
	w.scatter(t, g, 1, g.events(s, 300))
	g.near, g.cohorts = s.at(), nil
	g.cohorts = g.someCohorts(w.keys, w.linked[1])
	newComparison(t, g, w, s, 1).all(t)
	t.Log("answers", w.answers)
	// A filter of all questions may be one that ClickHouse leaves to others.
	require.Positive(t, w.answers[clickhouse.Name+" alone"]+w.answers[clickhouse.Name+" of new questions"])
}

// TestClickHouseMemory: a query over its memory is refused as such, and the server asked again.
func TestClickHouseMemory(t *testing.T) {
	w := newWorld(t)
	if w.clickHouse == nil {
		t.Skip("there is no ClickHouse: make engine-test starts one")
	}
	g := generator{Rand: rand.New(rand.NewPCG(1, 1))}
	w.add(t, 1, g.events(scenes[0], 2000))
	d := w.data(t, 1, time.Time{})
	zone, err := calendar.Load("UTC")
	require.NoError(t, err)
	users := engine.Users{Scope: engine.Scope{Zone: zone}, Range: engine.Range{From: 0, To: 40000}, Window: 7}
	w.clickHouse = clickHouseWith(t, w.dir, w.db.Files(), 1<<10)
	for range 2 {
		_, err = d.engine().Users(t.Context(), users)
		require.ErrorIs(t, err, clickhouse.ErrMemory)
	}
}

// clickHouseOf asks the ClickHouse that TEST_CLICKHOUSE names, which reads the files of a
// folder; nil without one. make engine-test starts one.
func clickHouseOf(t testing.TB, dir string, files *segment.Integrity) *clickhouse.Server {
	return clickHouseWith(t, dir, files, 4<<30)
}

func clickHouseWith(t testing.TB, dir string, files *segment.Integrity, memory int64) *clickhouse.Server {
	address, ok := strings.CutPrefix(os.Getenv("TEST_CLICKHOUSE"), "http://")
	if !ok {
		return nil
	}
	cfg := clickhouse.Config{URL: "clickhouse://" + address, User: "default", Files: "file:" + dir, FromEvents: 1, MaxQueries: 2, MemoryBytes: memory}
	s, err := clickhouse.Open(cfg, time.Minute, files.Known, clickhouse.NewMetrics(prometheus.NewRegistry()), zaptest.NewLogger(t))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}
