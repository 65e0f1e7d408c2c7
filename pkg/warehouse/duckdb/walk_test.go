package duckdb

import (
	"database/sql"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/property"
	"eventanalytics/pkg/warehouse/walk"
)

// walkEvents have ties, users with one and with many events, and properties of all kinds.
func walkEvents(r *rand.Rand, n int) (events []event.Event, keys []uint32) {
	values := []string{`"UA"`, `""`, `"a\"b"`, `"\u00e9"`, `10`, `10.0`, `1e1`, `-0.0`, `1.50`, `9007199254740993`, `1e300`, `true`, `null`, `[1, 2]`, `{"a":1}`}
	decimals := []string{`1.5`, `10`, `1e1`, `-0.0`, `0.1`, `1e-7`, `123456.75`, `1e22`, `2.5E+300`}
	start := time.Date(2025, 2, 20, 0, 0, 0, 0, time.UTC).UnixMicro()
	for range n {
		members := []string{fmt.Sprintf(`"mixed":%s`, values[r.IntN(len(values))])}
		if r.IntN(3) > 0 {
			members = append(members, fmt.Sprintf(`"country" : "%s"`, []string{"UA", "DE", `\u00e9`, "", `q\"`}[r.IntN(5)]))
		}
		if r.IntN(2) == 0 {
			members = append(members, fmt.Sprintf(`"price":%s`, decimals[r.IntN(len(decimals))]))
		}
		members = append(members, fmt.Sprintf(`"count":%d`, r.IntN(5)-2))
		properties := "{" + strings.Join(members, ",") + "}"
		if r.IntN(20) == 0 {
			properties = ""
		}
		key := uint32(r.IntN(300))
		if r.IntN(4) == 0 {
			key = 5
		}
		events = append(events, event.Event{
			ID: uuid.New(), OccurredAt: start + int64(r.IntN(3))*86_400_000_000 + int64(r.IntN(20))*1_000_000,
			UserID: fmt.Sprint(key), Type: string(rune('A' + r.IntN(5))), Properties: properties,
		})
		keys = append(keys, key)
	}
	return events, keys
}

// rowsOf returns the events of a segment in the order of its file.
func rowsOf(t *testing.T, b *Builder, path string) (events []walk.Source) {
	t.Helper()
	rows, err := b.db.QueryContext(t.Context(), "SELECT user_key, epoch_us(occurred_at), event_type, event_id::VARCHAR, properties FROM read_parquet("+
		quote(path)+", file_row_number = true) ORDER BY file_row_number")
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var e walk.Source
		var id string
		var properties sql.NullString
		require.NoError(t, rows.Scan(&e.User, &e.Us, &e.Type, &id, &properties))
		e.ID, e.Properties = uuid.MustParse(id), properties.String
		events = append(events, e)
	}
	require.NoError(t, rows.Err())
	return events
}

func TestEventsByUserOfASmallSegment(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	b := newBuilder(t, cfg)
	for seed, n := range []int{700, 5000} {
		events, keys := walkEvents(rand.New(rand.NewPCG(uint64(seed), 1)), n)
		s, err := b.Write(t.Context(), 7, events, keys, 1)
		require.NoError(t, err)
		path, to := filepath.Join(cfg.Dir, s.Path), filepath.Join(t.TempDir(), "users")
		require.NoError(t, walk.Build(t.Context(), path, 7, s.Shredded, []string{"mixed", "country", "price", "count"}, to))
		got, err := os.ReadFile(to)
		require.NoError(t, err)
		rows := rowsOf(t, b, path)
		want, err := walk.Encode(7, rows)
		require.NoError(t, err)
		require.Equal(t, want, got)

		f, err := walk.Open(to, int64(len(got)))
		require.NoError(t, err)
		ids, err := walk.IDs(path)([]uint32{0, 3, uint32(len(rows) - 1)})
		require.NoError(t, err)
		require.Equal(t, []uuid.UUID{rows[0].ID, rows[3].ID, rows[len(rows)-1].ID}, ids)
		_, err = walk.IDs(path)([]uint32{uint32(len(rows))})
		require.Error(t, err)
		require.Equal(t, len(rows), f.Events())
	}
}

func TestEventsByUserWithColumns(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	b := newBuilder(t, cfg)
	b.ShredFrom = 1
	events, keys := walkEvents(rand.New(rand.NewPCG(9, 1)), 4000)
	s, err := b.Write(t.Context(), 7, events, keys, 1)
	require.NoError(t, err)
	require.Equal(t, []string{"decimal:price", "integer:count", "text:country"}, s.Shredded)
	path := filepath.Join(cfg.Dir, s.Path)
	f, err := walk.Make(t.Context(), path, 7, s.Shredded, []string{"mixed", "country", "price", "count"})
	require.NoError(t, err)
	rows := rowsOf(t, b, path)

	data, err := walk.Encode(7, rows)
	require.NoError(t, err)
	other, err := walk.Read(data)
	require.NoError(t, err)
	for at := range uint32(f.Events()) {
		require.Equal(t, other.Row(at), f.Row(at))
	}
	_, known := f.Column("mixed")
	require.False(t, known)
	for _, key := range []string{"price", "count", "country", "unheard of"} {
		c, known := f.Column(key)
		require.True(t, known, key)
		for at := range uint32(f.Events()) {
			want := property.Find(rows[f.Row(at)].Properties, []string{key})
			got := c.Value(c.Code(at))
			require.Equal(t, want.Missing(), got.Missing())
			require.Equal(t, want.Text(), got.Text())
			if !want.Missing() {
				require.Equal(t, want.Kind(), got.Kind())
				require.Equal(t, want.IsText(), got.IsText())
			}
		}
	}
	f, err = walk.Make(t.Context(), path, 7, s.Shredded, nil)
	require.NoError(t, err)
	_, known = f.Column("unheard of")
	require.False(t, known, "the names are not")
}

// BenchmarkEventsByUser writes the events of a segment by user.
func BenchmarkEventsByUser(b *testing.B) {
	const n = 1_000_000
	cfg := testConfig(b)
	cfg.MemoryLimit = "2GiB"
	builder := newBuilder(b, cfg)
	r := rand.New(rand.NewPCG(1, 1))
	start := time.Date(2025, 2, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	events, keys := make([]event.Event, n), make([]uint32, n)
	for i := range events {
		keys[i] = uint32(r.ExpFloat64() * 20_000)
		events[i] = event.Event{
			OccurredAt: start + r.Int64N(30*86_400_000)*1000, UserID: fmt.Sprint(keys[i]), Type: fmt.Sprint("type", r.IntN(20)),
			Properties: fmt.Sprintf(`{"country":"%c%c","item_id":"item-%d","price":%d.%02d,"first":%t}`, 'A'+r.IntN(10), 'A'+r.IntN(4), int(r.ExpFloat64()*2000), r.IntN(200), r.IntN(100), r.IntN(2) == 0),
		}
		binary.BigEndian.PutUint64(events[i].ID[:], r.Uint64())
		binary.BigEndian.PutUint64(events[i].ID[8:], r.Uint64())
	}
	s, err := builder.Write(b.Context(), 1, events, keys, 1)
	require.NoError(b, err)
	path, to := filepath.Join(cfg.Dir, s.Path), filepath.Join(b.TempDir(), "users")
	cpu := func() time.Duration {
		var usage syscall.Rusage
		require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
		return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
	for _, bench := range []struct {
		name     string
		shredded []string
	}{{"with codes", s.Shredded}, {"without", []string{"integer:none"}[:0]}} {
		b.Run(bench.name, func(b *testing.B) {
			before := cpu()
			for b.Loop() {
				require.NoError(b, walk.Build(b.Context(), path, 1, bench.shredded, []string{"country", "item_id", "price", "first"}, to))
			}
			b.ReportMetric((cpu()-before).Seconds()/float64(b.N)/n*1e6, "cpu-s/Mevents")
			info, err := os.Stat(to)
			require.NoError(b, err)
			b.ReportMetric(float64(info.Size())/n, "bytes/event")
		})
		b.Run("open "+bench.name, func(b *testing.B) {
			info, err := os.Stat(to)
			require.NoError(b, err)
			before := cpu()
			for b.Loop() {
				_, err := walk.Open(to, info.Size())
				require.NoError(b, err)
			}
			b.ReportMetric((cpu()-before).Seconds()/float64(b.N)/n*1e6*1e3, "cpu-ms/Mevents")
		})
	}
}
