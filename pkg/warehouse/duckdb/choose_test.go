package duckdb

import (
	"database/sql"
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

// Of events in memory and of those in files the same properties get columns, with the same
// values.
func TestColumnsOfALoadAreThoseOfAMerge(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	b := newBuilder(t, cfg)
	b.ShredFrom = 1
	events, keys := candidateEvents(rand.New(rand.NewPCG(1, 1)), 3000)
	var want []string
	for _, c := range candidates {
		if c.kind != "" {
			want = append(want, c.kind+":"+c.key)
		}
	}
	s, err := b.Write(t.Context(), 7, events, keys, 1)
	require.NoError(t, err)
	require.ElementsMatch(t, want, s.Shredded)

	conn, err := b.db.Conn(t.Context())
	require.NoError(t, err)
	defer conn.Close()
	file := readParquet(b.dir, []segment.Segment{s})
	merged, err := b.shred(t.Context(), conn, "(SELECT project_id, event_id, occurred_at, user_id, user_key, event_type, properties FROM "+file+")", s.Events, nil)
	require.NoError(t, err)
	require.Equal(t, merged.columns, s.Shredded)
	for _, name := range s.Shredded {
		var n, differ int64
		column := identifier(name)
		err := conn.QueryRowContext(t.Context(), "SELECT count(a."+column+"), count(*) FILTER (a."+column+" IS DISTINCT FROM b."+column+") FROM "+file+" AS a JOIN "+
			merged.relation+" AS b USING (event_id)").Scan(&n, &differ)
		require.NoError(t, err)
		require.NotZero(t, n, name)
		require.Zero(t, differ, name)
	}
	var negative sql.NullInt64
	require.NoError(t, conn.QueryRowContext(t.Context(), `SELECT count(*) FILTER ("decimal:zero"::VARCHAR LIKE '-%') FROM `+file).Scan(&negative))
	require.Zero(t, negative.Int64, "no -0")
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
