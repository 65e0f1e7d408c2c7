package property

import (
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/event"
)

func TestFindAndText(t *testing.T) {
	t.Parallel()
	const properties = ` { "a" : "UA", "b\u002e":{"c" : [ 1.50, {"x" : null}, "\ud83d\ude00", "a\"]" ] , "":true}, "q\"uote":-0.0, "\\":"\\", "e":[], "n":1e400 , "0":{"0":"x"}, "z": [ 1.10 , "\u00e9\/\n" , { "k" : 1E2 } ] }`
	for _, tc := range []struct {
		keys       []string
		json, text string
	}{
		{[]string{"a"}, `"UA"`, "UA"},
		{[]string{"b.", "c", "0"}, "1.50", "1.5"},
		{[]string{"b.", "c", "1", "x"}, "null", "null"},
		{[]string{"b.", "c", "2"}, `"\ud83d\ude00"`, "😀"},
		{[]string{"b.", "c", "3"}, `"a\"]"`, `a"]`},
		{[]string{"b.", ""}, "true", "true"},
		{[]string{`q"uote`}, "-0.0", "0"},
		{[]string{`\`}, `"\\"`, `\`},
		{[]string{"e"}, "[]", "[]"},
		{[]string{"0", "0"}, `"x"`, "x"},
		{[]string{"z"}, `[ 1.10 , "\u00e9\/\n" , { "k" : 1E2 } ]`, `[1.10,"é/\n",{"k":1E2}]`},
	} {
		v := Find(properties, tc.keys)
		require.Equal(t, tc.json, v.JSON(), tc.keys)
		require.Equal(t, tc.text, v.Text(), tc.keys)
		require.False(t, v.Missing())
	}
	for _, keys := range [][]string{
		{"A"}, {`b\u002e`}, {"b.", "c", "4"}, {"b.", "c", "00"}, {"b.", "c", "-1"}, {"b.", "c", ""}, {"b.", "c", "x"}, {"a", "0"}, {"e", "0"}, {"a", ""}, {""},
	} {
		require.True(t, Find(properties, keys).Missing(), keys)
	}
	require.True(t, Find("", []string{"a"}).Missing())
	require.True(t, Find(" {} ", []string{"a"}).Missing())
}

// FuzzFind finds in valid properties what encoding/json finds.
func FuzzFind(f *testing.F) {
	for _, properties := range []string{`{"a":{"b":[1,"x",{"c":null}]}}`, `{ "a\"" : "\\" , "b" : [ ] }`, `{"":1e1}`} {
		f.Add(properties, "a", "b")
		f.Add(properties, `a"`, "0")
	}
	f.Fuzz(func(t *testing.T, properties, first, second string) {
		e := event.Event{ID: uuid.Max, UserID: "1", Type: "a", Properties: properties}
		if event.Validate(&e, event.Limits{NotAfter: time.Now()}) != nil {
			return
		}
		for _, keys := range [][]string{{first}, {first, second}} {
			want := json.RawMessage(properties)
			for _, key := range keys {
				var object map[string]json.RawMessage
				var array []json.RawMessage
				switch place, err := strconv.Atoi(key); {
				case json.Unmarshal(want, &object) == nil:
					want = object[key]
				case json.Unmarshal(want, &array) == nil && err == nil && place >= 0 && place < len(array) && strconv.Itoa(place) == key:
					want = array[place]
				default:
					want = nil
				}
			}
			require.Equal(t, string(want), Find(properties, keys).JSON(), "%q", keys)
		}
	})
}

func TestElements(t *testing.T) {
	t.Parallel()
	for json, want := range map[string][]string{
		`[]`: nil, `[ ]`: nil, `{"a":1}`: nil, `"[1]"`: nil, `null`: nil, `12`: nil,
		`[1]`:                         {"1"},
		` [ 1.0 , "a,]\"" , [2, 3] ]`: {"1.0", `"a,]\""`, "[2, 3]"},
		`[{"a":[1]},null,[]]`:         {`{"a":[1]}`, "null", "[]"},
		`[1}]`:                        {"1"}, // what is no JSON has an end, too
	} {
		var got []string
		for v := range Find(json, nil).Elements() {
			got = append(got, v.JSON())
		}
		require.Equal(t, want, got, json)
	}
	for range (Value{}).Elements() {
		t.Fatal("a missing value has no elements")
	}
	for v := range Find("[1,2]", nil).Elements() {
		require.Equal(t, "1", v.JSON())
		break
	}
}
