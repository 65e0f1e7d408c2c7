package question

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/syntax"
)

// TestKeyCoversEveryField fills every question of the registry with values, then
// changes one at a time, of whatever lies in it: each change must change the key. A
// field that the key left out would give wrong answers from the cache.
func TestKeyCoversEveryField(t *testing.T) {
	t.Parallel()
	leaves := 0
	questions := []reflect.Type{reflect.TypeFor[Trends](), reflect.TypeFor[Lifecycle](), reflect.TypeFor[Stickiness]()}
	for _, d := range All() {
		questions = append(questions, d.Question)
	}
	for _, question := range questions {
		q := reflect.New(question).Elem()
		change(t, q, func(leaf reflect.Value, _ string) { set(t, leaf, 1) })
		known := map[[32]byte]string{Key(q.Interface()): "nothing"}
		require.Equal(t, Key(q.Interface()), Key(q.Interface()))
		change(t, q, func(leaf reflect.Value, path string) {
			before := reflect.New(leaf.Type()).Elem()
			before.Set(leaf)
			set(t, leaf, 2)
			key := Key(q.Interface())
			require.Empty(t, known[key], "%s: the key does not tell a change of %s", question, path)
			known[key] = path
			leaf.Set(before)
			leaves++
		})
	}
	require.Greater(t, leaves, 60)
}

// change calls do for each value that a question is made of, unexported ones
// included. Slices get an element to change, and are changed by a further one. Of
// types that contain themselves it goes one level down.
func change(t *testing.T, v reflect.Value, do func(leaf reflect.Value, path string)) {
	t.Helper()
	var walk func(v reflect.Value, path string)
	within := map[reflect.Type]int{} // how often the value lies in each struct
	walk = func(v reflect.Value, path string) {
		if strings.Count(path, ".Of") == 3 && strings.HasSuffix(path, ".Of") {
			return // filters are in filters, and fields in fields, as deep as one likes
		}
		v = reflect.NewAt(v.Type(), unsafe.Pointer(v.UnsafeAddr())).Elem() // unexported fields can be set so
		switch {
		case v.Type() == zoneType:
			do(v, path)
		case (v.Kind() == reflect.Slice || v.Kind() == reflect.Pointer) && within[v.Type().Elem()] > 1:
		case v.Kind() == reflect.Pointer && within[filterType] > 1: // what users did, and funnels, have filters again
		case v.Kind() == reflect.Struct:
			within[v.Type()]++
			defer func() { within[v.Type()]-- }()
			for f, field := range v.Fields() {
				walk(field, path+"."+f.Name)
			}
		case v.Kind() == reflect.Array:
			for i := range v.Len() {
				walk(v.Index(i), fmt.Sprint(path, "[", i, "]"))
			}
		case v.Kind() == reflect.Slice:
			if v.Len() == 0 {
				v.Set(reflect.MakeSlice(v.Type(), 1, 1))
			}
			walk(v.Index(0), path+"[0]")
			do(v, path)
		case v.Kind() == reflect.Pointer:
			if v.IsNil() {
				v.Set(reflect.New(v.Type().Elem()))
			}
			walk(v.Elem(), path+"*")
		default:
			do(v, path)
		}
	}
	walk(v, "")
}

// set makes a leaf one of two values.
func set(t *testing.T, leaf reflect.Value, n int) {
	t.Helper()
	switch {
	case leaf.Type() == zoneType:
		zone, err := calendar.Load([]string{"", "Europe/Kyiv", "Asia/Kathmandu"}[n])
		require.NoError(t, err)
		leaf.Set(reflect.ValueOf(zone))
	case leaf.Kind() == reflect.Slice && n > 1:
		leaf.Set(reflect.Append(leaf, leaf.Index(0)))
	case leaf.Kind() == reflect.Slice:
	case leaf.Kind() == reflect.String:
		leaf.SetString(strings.Repeat("x", n))
	case leaf.Kind() == reflect.Bool:
		leaf.SetBool(n > 1)
	case leaf.CanInt():
		leaf.SetInt(int64(n))
	case leaf.CanUint():
		leaf.SetUint(uint64(n))
	case leaf.CanFloat():
		leaf.SetFloat(float64(n))
	default:
		t.Fatalf("a question has a %s: say here how to change it", leaf.Type())
	}
}

// TestKey pins that values that look alike have different keys, and that equal ones
// have the same, wherever they lie.
func TestKey(t *testing.T) {
	t.Parallel()
	type nested struct{ A, B string }
	type pointer struct {
		hidden *nested
		list   []string
	}
	keys := map[[32]byte]any{}
	for _, values := range [][]any{
		{""}, {"", ""}, {"a"}, {"ab"}, {"a", "b"}, {nested{"a", "b"}}, {nested{"ab", ""}}, {nested{"", "ab"}}, {struct{ A, B string }{"a", "b"}},
		{0}, {1}, {int64(1)}, {uint8(1)}, {1.0}, {true}, {false}, {uuid.UUID{1}}, {uuid.UUID{15: 1}}, {time.Second},
		{pointer{}}, {pointer{hidden: &nested{}}}, {pointer{hidden: &nested{A: "a"}}}, {pointer{list: []string{"a"}}}, {pointer{list: []string{"a", ""}}},
		{Scope{}}, {DAU{}}, {Event{}}, {LatestEvents{}}, {EventTypes{}},
		{[]syntax.Condition{{Op: "in", Values: []string{"a", "b"}}}}, {[]syntax.Condition{{Op: "in", Values: []string{"a,b"}}}},
	} {
		key := Key(values...)
		require.Nil(t, keys[key], "%#v", values)
		keys[key] = values
	}
	require.Equal(t, Key(pointer{hidden: &nested{A: "a"}}), Key(pointer{hidden: &nested{A: "a"}, list: []string{}}))
	require.Panics(t, func() { Key(struct{ F func() }{}) })
	require.Panics(t, func() { Key(map[string]int{}) })
}
