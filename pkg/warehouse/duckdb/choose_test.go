package duckdb

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/warehouse/rollup"
	"eventanalytics/pkg/warehouse/segment"
)

// candidates are properties with values of all kinds, each in some of a hundred events.
var candidates = []struct {
	key    string
	share  int
	values []string
	kind   string // of the column; "" for none
}{
	{"country", 90, []string{`"UA"`, `"DE"`, `"\u00e9"`, `""`, `"a\"b\\"`, `"\ud83d\ude00"`}, Text},
	{"plan", 50, []string{`"free"`, `"pro"`, `null`}, ""},
	{"count", 30, []string{`0`, `-5`, `9223372036854775807`, `-9223372036854775808`}, Integer},
	{"large", 30, []string{`1`, `9223372036854775808`}, ""},
	{"wide", 30, []string{`1`, `9223372036854776000`}, Number},
	{"zero", 30, []string{`0`, `-0`, `1e1`, `10.0`}, Number},
	{"price", 30, []string{`1.5`, `2.50`, `15e-1`, `1e300`}, Number},
	{"long", 30, []string{`0.30000000000000000001`, `1`}, ""},
	{"mixed", 30, []string{`1`, `"1"`}, ""},
	{"list", 30, []string{`[1]`, `{"a":1}`, `true`}, ""},
	{"rare", 1, []string{`"a"`}, ""},
	{"q\"\\/~", 40, []string{`"a"`, `"b"`}, Text},
	{"Country", 20, []string{`"less often than country"`}, ""},
	{"", 40, []string{`1`}, ""},
	{"tab\t", 40, []string{`1`}, ""},
	{strings.Repeat("x", 65), 40, []string{`1`}, ""},
	{"id", 60, nil, ""},
}

func candidateEvents(r *rand.Rand, n int) (events []event.Event, keys []uint32) {
	for i := range n {
		var members []string
		for _, c := range candidates {
			if r.IntN(100) >= c.share {
				continue
			}
			value := fmt.Sprintf(`"%d"`, i)
			if len(c.values) > 0 {
				value = c.values[r.IntN(len(c.values))]
			}
			key, err := json.Marshal(c.key)
			if err != nil {
				panic(err)
			}
			members = append(members, " "+string(key)+" : "+value)
		}
		r.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
		properties := "{" + strings.Join(members, ",") + "}"
		if r.IntN(20) == 0 {
			properties = ""
		}
		events = append(events, event.Event{
			ID: uuid.New(), OccurredAt: time.Date(2025, 2, 1, 0, 0, i, 0, time.UTC).UnixMicro(), UserID: "u", Type: "t", Properties: properties,
		})
		keys = append(keys, 1)
	}
	return events, keys
}

// A load and a merge choose the same properties, and their columns have what DuckDB finds in
// the JSON.
func TestColumnsOfProperties(t *testing.T) {
	t.Parallel()
	b := newBuilder(t, testConfig(t))
	events, keys := candidateEvents(rand.New(rand.NewPCG(1, 1)), 3000)
	var want []string
	for _, c := range candidates {
		if c.kind != "" {
			want = append(want, c.kind+":"+c.key)
		}
	}
	b.ShredFrom = 2000
	var in []segment.Segment
	for _, part := range [][2]int{{0, 1000}, {1000, 3000}} {
		s, err := b.Write(t.Context(), 7, events[part[0]:part[1]], keys[part[0]:part[1]], 1)
		require.NoError(t, err)
		in = append(in, s)
	}
	require.Empty(t, in[0].Shredded)
	merged, err := b.Merge(t.Context(), in, 3000, 1)
	require.NoError(t, err)
	kept, err := b.Merge(t.Context(), merged, 3000, 1) // with the columns that there are
	require.NoError(t, err)
	sql := map[string]string{Text: "%s", Integer: "%s::BIGINT", Number: "%s::DOUBLE + 0"}
	for _, s := range []segment.Segment{in[1], merged[0], kept[0]} {
		require.ElementsMatch(t, want, s.Shredded)
		for _, name := range s.Shredded {
			kind, key, _ := strings.Cut(name, ":")
			value := fmt.Sprintf(sql[kind], "json_extract_string(properties, "+quote("/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(key))+")")
			var n, differ, negative int64
			err := b.db.QueryRowContext(t.Context(), fmt.Sprintf(`SELECT count(%[1]s), count(*) FILTER (%[1]s IS DISTINCT FROM %[2]s), count(*) FILTER (%[1]s::VARCHAR = '-0.0') FROM %[3]s`,
				identifier(name), value, readParquet(b.dir, []segment.Segment{s}))).Scan(&n, &differ, &negative)
			require.NoError(t, err)
			require.NotZero(t, n, name)
			require.Zero(t, differ, name)
			require.Zero(t, negative, "no -0")
		}
	}
}

// A property needs a column from one event in twenty, and at most sixteen get one: the most
// frequent.
func TestCommonKeys(t *testing.T) {
	t.Parallel()
	have := map[string]rollup.Kinds{"4 of 100": {4}, "5 of 100": {2, 3}}
	require.Equal(t, []string{"5 of 100"}, commonKeys(100, have))
	for i := range 20 {
		have[fmt.Sprintf("key %02d", i)] = rollup.Kinds{uint64(10 + i)}
	}
	keys := commonKeys(100, have)
	require.Len(t, keys, maxShredded)
	require.Equal(t, "key 19", keys[0])
	require.Equal(t, "key 04", keys[15])
}

func TestDistinct(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 100, 10_000, 200_000} {
		for _, share := range []int{1, 2, 10} {
			d := newDistinct(uint64(n))
			for i := range n {
				d.add(fmt.Sprintf(`"%x"`, i/share))
			}
			require.InEpsilon(t, float64((n+share-1)/share), d.count(), 0.05, "%d events, %d of each", n, share)
		}
	}
}
