package duckdb

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/event"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/property"
	"eventanalytics/pkg/syntax"
	"eventanalytics/pkg/warehouse"
	"eventanalytics/pkg/warehouse/duckdb"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/segment"
	"eventanalytics/services/stats/engine"
)

// words are all that the SQL of a filter is made of: the language, functions, columns,
// and names of values.
var words = regexp.MustCompile(`^(?:[()\[\], ]|::|<=?|>=?|(?:AND|OR|NOT|IS|IN|NULL|TRUE|true|false|CASE|WHEN|THEN|THEN '' END|ELSE|END|VARCHAR|BIGINT|DOUBLE)\b|` +
	`(?:contains|list_contains|holds|text_of|hour|isodow)\(|(?:event_type|user_id|properties|clock|first_seen|last_seen|(?:e|first_h|last_h)\d+)\b|` +
	`"(?:text|integer|decimal):(?:country|n|price)"|\$(?:[vw]\d+|fn_holds_[0-9a-f]+)\b)*$`)

// FuzzFilters asks DuckDB of how many events any filter that can be read holds: of those
// of which it holds by package syntax. Nothing of its values becomes SQL.
func FuzzFilters(f *testing.F) {
	for _, text := range []string{
		"event_type:purchase", `["event_type:in(buy,view)", {"not": "user_id=42"}]`, `{"any": ["properties.price>=1e1", "properties.n.x=1", "properties.country~A"]}`,
		"properties.' OR 1=1--=x", `{"not": {"any": ["properties.country!='", "user.country=\"UA\"", "first.n:has(a)"]}}`, "properties.country:matches(^U|')",
		"first_seen:since(2025-08-02)", `["last_seen:before(2025-08-03)", "time.hour>=3", "time.weekday:in(5,6)"]`, `{"any": []}`, "[]", `{"not": {"not": "properties.n:missing"}}`,
		`{"any": [{"not": ["properties.price:in(1,2.5,10)", "properties.country:in(a,UA)"]}, "first_seen:missing", "user.price<1e400"]}`, "properties.n:since(2025)",
		`["event_type:matches(;)", "user_id:has(x)", {"any": ["properties.country=\\u0000", "properties.price=-0"]}]`, "properties.country:exists", "time.hour=07",
	} {
		f.Add(text)
	}
	zone, err := calendar.Load("Europe/Kyiv")
	require.NoError(f, err)
	w := newFuzzed(f)
	f.Fuzz(func(t *testing.T, text string) {
		filter, err := syntax.ParseFilter(text)
		if err != nil || syntax.Bound(filter) != nil {
			return
		}
		scope := engine.Scope{Zone: zone, Filter: filter}
		if st := newStatement(scope, "", engine.Always()); st.err == nil {
			require.Regexp(t, words, st.holds)
			require.NoError(t, w.db.Run(t.Context(), w.snapshot, duckdb.Query{Project: 1, SQL: "SELECT count(*) FROM {{events}}", Where: func(c duckdb.Columns) string {
				condition := st.where(c)
				require.Regexp(t, words, condition)
				return condition
			}}, func(*sql.Rows) error { return nil }))
		}
		cells, err := New(w.db, w.snapshot, 1).Tally(t.Context(), engine.Tally{Scope: scope, Range: engine.Range{From: 20300, To: 20310}, Interval: engine.Whole})
		if errors.Is(err, engine.ErrUnsupported) {
			return
		}
		require.NoError(t, err, text)
		var got, want int64
		for _, c := range cells {
			got += c.Events
		}
		for _, e := range w.events {
			if w.holds(filter, zone, e) {
				want++
			}
		}
		require.Equal(t, want, got, "%s of %s", text, w.events)
	})
}

// fuzzed is a warehouse of a few events, some with columns of their own for properties.
type fuzzed struct {
	db       *duckdb.DB
	snapshot *manifest.Snapshot
	events   []event.Event // in their order
}

func newFuzzed(f *testing.F) *fuzzed {
	cfg := warehouse.Config{Dir: f.TempDir(), MemoryLimit: "256MiB", Threads: 1, MaxQueries: 2, QueryTimeout: time.Minute}
	db, err := duckdb.Open(cfg)
	require.NoError(f, err)
	f.Cleanup(func() { require.NoError(f, db.Close()) })
	builder, err := duckdb.NewBuilder(cfg, nil)
	require.NoError(f, err)
	f.Cleanup(func() { require.NoError(f, builder.Close()) })
	w := &fuzzed{db: db}
	var segments []segment.Segment
	start := time.Date(2025, 8, 1, 0, 30, 0, 0, time.UTC).UnixMicro()
	for i, properties := range [][]string{
		{`{"country":"UA","n":7,"price":1.5}`, `{"country":"","n":-1,"price":10.0}`, `{"country":"UA'","n":0,"price":1e1}`, `{}`},
		{`{"country":"UA","n":{"x":1}}`, `{"country":10,"n":["a",1]}`, `{"country":null,"price":"10"}`, ``, `{"price":99999999999999999999.5}`},
	} {
		builder.ShredFrom = []int64{1, 1 << 40}[i]
		var events []event.Event
		var keys []uint32
		for j, text := range properties {
			user := j % 3
			events = append(events, event.Event{
				ID: uuid.New(), OccurredAt: start + int64(len(w.events)+j)*7*3600*1e6, UserID: []string{"42", "ann", "o'neil; --"}[user],
				Type: []string{"buy", "view", "a'b"}[(i+j)%3], Properties: text,
			})
			keys = append(keys, uint32(user))
		}
		s, err := builder.Write(f.Context(), 1, events, keys, 1)
		require.NoError(f, err)
		segments, w.events = append(segments, s), append(w.events, events...)
	}
	require.NotEmpty(f, segments[0].Shredded)
	w.snapshot = manifest.NewSnapshot(1, outbox.Position{}, time.Time{}, segments, map[int64]int64{1: 1})
	return w
}

// holds evaluates a filter as plainly as can be.
func (w *fuzzed) holds(f syntax.Filter, zone *calendar.Zone, e event.Event) bool {
	is := func(one syntax.Filter) bool { return w.holds(one, zone, e) }
	switch f.Form {
	case syntax.Not:
		return !is(f.Of[0])
	case syntax.Any:
		return slices.ContainsFunc(f.Of, is)
	case syntax.All:
		return !slices.ContainsFunc(f.Of, func(one syntax.Filter) bool { return !is(one) })
	}
	test, keys := f.Condition.Test(zone), f.Condition.Field.Keys
	var own []event.Event // of the user
	for _, other := range w.events {
		if other.UserID == e.UserID {
			own = append(own, other)
		}
	}
	found := func(of []event.Event) property.Value {
		for _, one := range of {
			if v := property.Find(one.Properties, keys); !v.Missing() {
				return v
			}
		}
		return property.Find("", keys)
	}
	number := func(n int) bool { return test.Holds(property.Find(fmt.Sprint(n), nil)) }
	local := time.UnixMicro(e.OccurredAt).UTC().Add(3 * time.Hour) // Kyiv in summer
	switch f.Condition.Field.Source {
	case syntax.EventType:
		return test.HoldsText(e.Type)
	case syntax.UserID:
		return test.HoldsText(e.UserID)
	case syntax.Property:
		return test.Holds(property.Find(e.Properties, keys))
	case syntax.FirstProperty:
		return test.Holds(found(own))
	case syntax.UserProperty:
		slices.Reverse(own)
		return test.Holds(found(own))
	case syntax.FirstSeen:
		return test.HoldsInstant(own[0].OccurredAt)
	case syntax.LastSeen:
		return test.HoldsInstant(own[len(own)-1].OccurredAt)
	case syntax.Hour:
		return number(local.Hour())
	case syntax.Weekday:
		return number((int(local.Weekday())+6)%7 + 1)
	}
	panic("no field " + strings.Join(keys, "."))
}

// String shows the events when a filter fails.
func (w *fuzzed) String() string {
	text, err := json.Marshal(w.events)
	return fmt.Sprint(string(text), err)
}
