package event

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestKeys(t *testing.T) {
	t.Parallel()
	for properties, want := range map[string][]string{
		"":   nil,
		"{}": nil,
		` {"a" : 1, "b":"x,\"y\":1", "c":{"d":1,"e":{"f":[{"g":2}]}}, "h":[1,"i",{"j":3}],"":null } `: {"a", "b", "c", "h", ""},
		`{"\u0061\"\n":true,"ключ":"\\","🙂":-1.5e3}`:                                                  {"a\"\n", "ключ", "🙂"},
	} {
		require.Equal(t, want, slices.Collect(Keys(properties)), properties)
	}
	for range Keys(`{"a":1,"b":2}`) {
		break
	}
}

func FuzzKeys(f *testing.F) {
	f.Add(`{"a":1,"b":[{"c":"\"}"}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		e := Event{ID: [16]byte{1}, UserID: "u", Type: "t", Properties: text}
		if Validate(&e, Limits{}) != nil {
			return
		}
		var want map[string]json.RawMessage
		if json.Unmarshal([]byte(text), &want) != nil || strings.ContainsRune(text, '\uFFFD') {
			return
		}
		got := slices.Collect(Keys(text))
		require.Len(t, got, len(want))
		for _, key := range got {
			require.Contains(t, want, key)
		}
	})
}

func TestRefuse(t *testing.T) {
	t.Parallel()
	var b Batch
	for i := range 1000 {
		if i%5 == 0 {
			b.Reject(Mistake{Code: "bad"})
			continue
		}
		b.Indexes = append(b.Indexes, int32(b.Len()))
		b.Events = append(b.Events, Event{OccurredAt: int64(i)})
	}
	b.Refuse(func(e *Event) *Mistake {
		if e.OccurredAt%2 == 0 {
			return &Mistake{Code: "even"}
		}
		return nil
	})
	require.Equal(t, []int{1000, 400, 600}, []int{b.Len(), len(b.Events), b.Rejected})
	require.Empty(t, b.Code)
	for i, e := range b.Events {
		require.EqualValues(t, b.Indexes[i], e.OccurredAt)
	}
	require.Len(t, b.Invalid, MaxKept)
	for i, v := range b.Invalid[1:] {
		require.Less(t, b.Invalid[i].Index, v.Index)
		require.Equal(t, map[bool]string{true: "bad", false: "even"}[v.Index%5 == 0], v.Code)
	}
	require.Equal(t, 0, b.Invalid[0].Index)

	one := Batch{Events: []Event{{}}, Indexes: []int32{0}}
	one.Refuse(func(*Event) *Mistake { return &Mistake{Code: "x"} })
	require.Equal(t, "x", one.Code)
	require.Empty(t, one.Events)
}
