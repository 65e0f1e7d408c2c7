package rollup

import (
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/property"
)

// properties counts them as encoding/json reads them.
func (all facts) properties(t *testing.T) map[string]Kinds {
	counts := map[string]Kinds{}
	for _, f := range all {
		if f.properties == "" {
			continue
		}
		var object map[string]json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(f.properties), &object))
		for key, value := range object {
			kinds := counts[key]
			kinds[naiveKind(value)]++
			counts[key] = kinds
		}
	}
	return counts
}

func naiveKind(value json.RawMessage) property.Kind {
	var v any
	if err := json.Unmarshal(value, &v); err != nil {
		panic(err)
	}
	switch v.(type) {
	case string:
		return property.Text
	case bool:
		return property.Boolean
	case []any:
		return property.Array
	case map[string]any:
		return property.Object
	case nil:
		return property.Null
	}
	if r, _ := new(big.Rat).SetString(string(value)); r.IsInt() {
		return property.Integer
	}
	return property.Number
}

// someMembers are spellings of keys, and values of each kind.
var (
	someMembers = []string{`"a"`, `"\u0061"`, `""`, `"b c"`, `"é"`, `"\u00e9"`, `"q\"u"`, `"\\"`, `"日本"`, `"{"`, `"A"`}
	someValues  = []string{`"x"`, `"}"`, `""`, `10`, `-0`, `10.0`, `1e1`, `1E+2`, `0.5`, `true`, `false`, `null`, `[]`, `[1, {"a": 2}]`, `{}`, `{"a": {"b": "]}\""}}`}
)

// properties are of a few shapes, mostly, so that some properties are those of all
// events.
func (g generator) properties() string {
	switch g.IntN(6) {
	case 0:
		return ""
	case 1:
		return "{}"
	case 2:
		return `{"a": 1, "b": "x"}`
	}
	var members []string
	seen := map[string]bool{}
	for range g.IntN(6) {
		key := someMembers[g.IntN(len(someMembers))]
		var name string
		if err := json.Unmarshal([]byte(key), &name); err != nil {
			panic(err)
		}
		if !seen[name] {
			members = append(members, key+[]string{":", " : "}[g.IntN(2)]+someValues[g.IntN(len(someValues))])
		}
		seen[name] = true
	}
	return "{" + strings.Join(members, []string{",", " ,\n"}[g.IntN(2)]) + "}"
}

// ordinary properties are what applications send.
func ordinary(g generator) string {
	coupon := ""
	if g.IntN(100) == 0 {
		coupon = `, "coupon": "SPRING"`
	}
	return fmt.Sprintf(`{"country": "UA", "os": "linux", "session_id": "%x", "price": %d.5, "quantity": %d%s}`, g.Uint64(), g.IntN(100), g.IntN(5), coupon)
}

// A key that comes twice, which no event has, is counted once.
func TestKeyTwice(t *testing.T) {
	t.Parallel()
	view, err := NewView([]*File{read(t, build(t, facts{{0, "a", 1, `{"a": 1, "\u0061": "x", "a": null}`}}))})
	require.NoError(t, err)
	properties, err := view.Scan(nil).Properties(t.Context(), Always)
	require.NoError(t, err)
	require.Equal(t, map[string]Kinds{"a": {property.Integer: 1}}, properties)
}

// TestFirstVersion reads a file that was made before properties were counted: it has
// everything else.
func TestFirstVersion(t *testing.T) {
	t.Parallel()
	g := seeded(t)
	var all facts
	for i := range int64(400) {
		all = append(all, fact{i * 977_777_777, fmt.Sprint("type ", i%3), uint32(i * i % 101), ""})
	}
	data, err := os.ReadFile("testdata/first.rollup")
	require.NoError(t, err)
	first := read(t, data)
	require.False(t, first.CountsProperties())
	view, err := NewView([]*File{first})
	require.NoError(t, err)
	q := view.Scan(nil)
	for range 50 {
		periods := g.periods(all)
		want := all.where(periods, nil)
		users, err := q.Users(t.Context(), periods...)
		require.NoError(t, err)
		require.Equal(t, want.users(), append([]uint32{}, users.ToArray()...))
		n, err := q.Events(t.Context(), periods...)
		require.NoError(t, err)
		require.Equal(t, len(want), int(n))
	}
	_, err = q.Properties(t.Context(), Always)
	require.ErrorIs(t, err, ErrNoProperties)
	_, _, err = Merge(7, []*File{first}, minDay, maxDay)
	require.ErrorIs(t, err, ErrNoProperties)

	now := read(t, build(t, facts{{-dayMicros, "a", 1, `{"a": 1}`}}))
	require.True(t, now.CountsProperties())
	view, err = NewView([]*File{first, now})
	require.NoError(t, err)
	before := Period{-quartersOfDay, 0}
	properties, err := view.Scan(nil).Properties(t.Context(), before)
	require.NoError(t, err, "not of that file")
	require.Equal(t, map[string]Kinds{"a": {property.Integer: 1}}, properties)
}

// TestPropertiesOfAllEvents: what all events of a type have takes a few bytes a day,
// and none for the quarters.
func TestPropertiesOfAllEvents(t *testing.T) {
	t.Parallel()
	without, with := facts{}, facts{}
	for i := range int64(10_000) {
		f := fact{us: i * dayMicros / 10_000, eventType: "a", user: uint32(i % 100)}
		without = append(without, f)
		f.properties = `{"country": "UA", "os": "linux", "price": 1.5}`
		with = append(with, f)
	}
	require.Less(t, len(build(t, with))-len(build(t, without)), 40)
}

func BenchmarkProperties(b *testing.B) {
	benchmark(b, nil, func(q *Scan) error {
		_, err := q.Properties(b.Context(), Period{20_000 * quartersOfDay, (20_000 + benchDays) * quartersOfDay})
		return err
	})
}

// Days of another zone cut two.
func BenchmarkPropertiesCut(b *testing.B) {
	benchmark(b, nil, func(q *Scan) error {
		_, err := q.Properties(b.Context(), Period{20_000*quartersOfDay + 8, (20_000+benchDays)*quartersOfDay - 88})
		return err
	})
}
