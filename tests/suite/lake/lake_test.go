// Package lake reads segments and published Iceberg tables with engines of others, as their
// users do, and compares what they count with what was sent. It needs ClickHouse's library
// and a reader that `make lake-test` builds.
package lake

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/client"
	"eventanalytics/tests/harness/api"
	"eventanalytics/tests/harness/stack"
)

const (
	batches   = 6
	batchSize = 25_000 // segments of fewer than 20,000 have no columns of properties
)

// answer is what both are asked: events, users, those from Ukraine, and the sum of amounts.
type answer struct {
	events, users, ukraine int64
	amount                 float64
}

// TestReadBack: what the API, ClickHouse as an engine of stats, and readers of the published
// table count is what was sent, of segments in a folder and in a bucket.
func TestReadBack(t *testing.T) {
	lib := os.Getenv("CHDB_LIB_PATH")
	if lib == "" {
		t.Skip("make lake-test has the engines")
	}
	require.NoError(t, stack.Build(t.Context(), "standalone"))
	for _, bucket := range []bool{false, true} {
		t.Run(map[bool]string{false: "folder", true: "bucket"}[bucket], func(t *testing.T) {
			dir := folder(t)
			warehouse := filepath.Join(dir, "warehouse")
			clickhouse, err := stack.StartClickHouse(t.Context(), dir, lib)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, clickhouse.Stop()) })
			settings := append(clickhouse.Engine("file:"+warehouse), "LAKE_INTERVAL=1s", "WORKER_COMPACT_SEGMENTS=4",
				"RATE_LIMIT_INGEST=100000/s", "RATE_LIMIT_STATS=1000/s")
			var store *stack.ObjectStore
			if bucket {
				port, err := stack.FreePort()
				require.NoError(t, err)
				store, err = stack.StartObjectStore(t.Context(), dir, dir, port)
				require.NoError(t, err)
				t.Cleanup(func() { require.NoError(t, store.Stop()) })
				require.NoError(t, clickhouse.Collect(t.Context(), "segments", store))
				settings = append(append(settings, clickhouse.Engine("s3:segments")...), stack.ObjectSettings(store.URL)...)
				settings = append(settings, "WAREHOUSE_DIR="+filepath.Join(dir, "copies"))
			}
			s, err := stack.Standalone(t.Context(), dir, append(settings, "WORKER_LOAD_INTERVAL=10ms")...)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, s.Stop()) })
			c := api.NewUser(t, s.URL, nil)
			published := c.Do(t, "PATCH", c.ProjectPath(), strings.NewReader(`{"lake": true}`), "Content-Type", "application/json")
			require.Equal(t, 200, published.Status, published)

			var want answer
			var last client.Receipt
			for n := range batches {
				last = c.Upload(t, events(n, &want))
				require.Equal(t, batchSize, last.Accepted)
			}
			want.users = 1000
			require.Equal(t, want, asked(t, c, last.Position))

			project := filepath.Base(c.ProjectPath())
			metadata := awaitTable(t, filepath.Join(warehouse, project), want.events)
			table := fmt.Sprintf("icebergLocal('%s')", filepath.Join(warehouse, project))
			if bucket {
				table = store.Iceberg(project)
			}
			row, err := clickhouse.Ask(t.Context(), fmt.Sprintf(`SELECT toInt64(count()), toInt64(uniqExact(user_id)), toInt64(countIf(country_text = 'UA')), sum(amount_decimal)
				FROM %s SETTINGS output_format_json_quote_64bit_integers = 0`, table))
			require.NoError(t, err)
			require.JSONEq(t, fmt.Sprintf("[%d, %d, %d, %v]", want.events, want.users, want.ukraine, want.amount), row)

			reader := os.Getenv("ICEBERG")
			if reader == "" || bucket { // it has no bucket
				return
			}
			out, err := exec.CommandContext(t.Context(), filepath.Join(root(t), reader), "file://"+metadata, "country_text", "UA", "amount_decimal").Output()
			require.NoError(t, err)
			require.Equal(t, fmt.Sprintln(want.events, want.ukraine, want.amount), string(out))
		})
	}
}

// folder is one for a service: not t.TempDir, since Postgres runs as another user, which
// must be able to enter.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "analytics-lake-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() {
		if t.Failed() {
			t.Log("logs are kept in", dir)
			return
		}
		_ = os.RemoveAll(dir) // only a temporary folder
	})
	return dir
}

// events makes a request of events, and counts them. The first have no amount, which is a
// column of later segments alone.
func events(batch int, count *answer) string {
	var b strings.Builder
	b.WriteString("[")
	at := time.Date(2025, 8, 1, 0, 0, 0, 0, time.UTC)
	for i := range batchSize {
		country := []string{"UA", "PL", "DE"}[i%3]
		properties := fmt.Sprintf(`{"country":%q}`, country)
		if batch > 0 {
			amount := float64(i%1000) + 0.25
			properties = fmt.Sprintf(`{"country":%q,"amount":%v}`, country, amount)
			count.amount += amount
		}
		if country == "UA" {
			count.ukraine++
		}
		count.events++
		if i > 0 {
			b.WriteString(",")
		}
		fmt.Fprintf(&b, `{"event_id":%q,"user_id":"u%d","event_type":"purchase","occurred_at":%q,"properties":%s}`,
			uuid.Must(uuid.NewV7()), i%1000, at.Add(time.Duration(batch*batchSize+i)*time.Second).Format(time.RFC3339), properties)
	}
	return b.String() + "]"
}

// asked is the API's answer at a position. ClickHouse reads what roll-ups do not tell.
func asked(t *testing.T, c *api.Caller, position string) (a answer) {
	t.Helper()
	value := func(source, measure, filter string) float64 {
		query := []string{"from", "2025-07-01", "to", "2025-09-30", "interval", "all", "series", fmt.Sprintf(`{"event":"purchase","measure":%q}`, measure)}
		if filter != "" {
			query = append(query, "filter", filter)
		}
		var answer struct {
			Data []struct{ Value float64 }
			Meta struct{ Source string }
		}
		c.Visible(t, position, "/api/stats/trends", query...).Decode(t, &answer)
		require.Len(t, answer.Data, 1)
		require.Equal(t, source, answer.Meta.Source, measure)
		return answer.Data[0].Value
	}
	return answer{
		events: int64(value("rollup", "events", "")), users: int64(value("rollup", "users", "")),
		ukraine: int64(value("engine", "events", "properties.country=UA")), amount: value("engine", "sum(properties.amount)", ""),
	}
}

// awaitTable waits until a table has all events and a column for amounts, and returns the
// path of its metadata: the file with the highest number, as readers of the folder take it.
func awaitTable(t *testing.T, project string, events int64) (path string) {
	t.Helper()
	require.NoError(t, stack.Poll(t.Context(), time.Minute, func() error {
		all, err := filepath.Glob(filepath.Join(project, "metadata", "*.metadata.json"))
		if err != nil || len(all) == 0 {
			return fmt.Errorf("there is no table in %s: %w", project, err)
		}
		path = all[len(all)-1]
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var m struct {
			Snapshots []struct {
				Summary map[string]string `json:"summary"`
			} `json:"snapshots"`
		}
		if err := json.Unmarshal(data, &m); err != nil {
			return err
		}
		if total := m.Snapshots[len(m.Snapshots)-1].Summary["total-records"]; total != fmt.Sprint(events) {
			return fmt.Errorf("the table has %s events of %d", total, events)
		}
		if !strings.Contains(string(data), `"amount_decimal"`) {
			return fmt.Errorf("the table has no column of amounts")
		}
		return nil
	}))
	return path
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := stack.Root()
	require.NoError(t, err)
	return dir
}
