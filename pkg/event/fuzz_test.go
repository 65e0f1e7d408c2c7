package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"runtime/metrics"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"
)

// FuzzDecode checks the decoder's promises for any body: either it returns one of
// its own errors, or every event it accepts survives a round trip; and its memory
// depends only on the length of the body.
func FuzzDecode(f *testing.F) {
	one := eventWith()
	for _, body := range []string{
		"", "null", "[]", "{}", one, "[" + one + "]", "[" + one + "] []", one + "\n" + one, `{"events": [` + one + "]}", `{"events": {}}`,
		"\ufeff" + one, eventWith("properties", `{"a": "\u0000"}`), eventWith("properties", `{"a": 1, "a": 2}`),
		eventWith("properties", `{"a": [-0, 1e400, "\\", {"b\"": " x "}]}`), eventWith("properties", "", "properties_json", "null"),
		eventWith("properties", `{ "b\"": " x \\", "c" : [ " \" " ] }`), eventWith("user_id", `"\ud83d\ude00"`), eventWith("user_id", "-0"), eventWith("event_type", `"\ud800"`),
		eventWith("occurred_at", `"2025-02-28 23:59:59.9999999-23:59"`), eventWith("properties", strings.Repeat(`{"a":`, 40)+"1"+strings.Repeat("}", 40)),
	} {
		f.Add([]byte(body), false)
		f.Add([]byte(body), true)
	}
	f.Fuzz(func(t *testing.T, body []byte, ndjson bool) {
		before := allocated()
		b, err := Decode(strings.NewReader(string(body)), ndjson, limits)
		require.Less(t, allocated()-before, uint64(1<<20+64*len(body)))
		if err != nil {
			var refused *RequestError
			require.True(t, errors.As(err, &refused) || errors.Is(err, ErrTooManyEvents) || errors.Is(err, ErrEventTooLarge), "%v", err)
			return
		}
		if !ndjson && bytes.Count(body, []byte("["))+bytes.Count(body, []byte("{")) < maxNesting { // it also gives up
			require.True(t, json.Valid(body), "it is not JSON to encoding/json")
		}
		wholeBatch(t, b)
		for _, e := range b.Events {
			require.Equal(t, e, rewritten(t, e))
			require.Equal(t, e.Content(), respelt(t, e).Content(), "the spelling of a value does not matter")
		}
	})
}

// respelt writes an event's properties in another way.
func respelt(t *testing.T, e Event) *Event {
	t.Helper()
	if e.Properties != "" {
		v := jsontext.Value(e.Properties)
		options := []jsontext.Options{jsontext.CanonicalizeRawInts(false), jsontext.CanonicalizeRawFloats(false)}
		if len(e.Properties)%2 == 0 {
			options = append(options, jsontext.EscapeForHTML(true), jsontext.EscapeForJS(true))
		}
		require.NoError(t, v.Canonicalize(options...))
		require.NoError(t, v.Indent())
		e.Properties = string(v)
	}
	return &e
}

// wholeBatch requires that each event of the request is accounted for exactly once.
func wholeBatch(t *testing.T, b *Batch) {
	t.Helper()
	require.Len(t, b.Indexes, len(b.Events))
	require.LessOrEqual(t, b.Len(), limits.MaxEvents)
	seen := make([]bool, b.Len())
	account := func(index int) {
		require.False(t, seen[index])
		seen[index] = true
	}
	for _, index := range b.Indexes {
		account(int(index))
	}
	for _, invalid := range b.Invalid {
		require.NotEmpty(t, invalid.Code)
		require.NotEmpty(t, invalid.Message)
		account(invalid.Index)
	}
}

// rewritten writes an event as JSON and reads it back.
func rewritten(t *testing.T, e Event) Event {
	t.Helper()
	members := map[string]any{
		"event_id": e.ID, "occurred_at": e.Time(), "user_id": e.UserID, "event_type": e.Type,
	}
	if e.Properties != "" {
		members["properties"] = json.RawMessage("{}") // Marshal would compact them
	}
	text, err := json.Marshal(members)
	require.NoError(t, err)
	b, err := decode(strings.Replace(string(text), `"properties":{}`, `"properties":`+e.Properties, 1))
	require.NoError(t, err)
	require.Empty(t, b.Invalid)
	require.Len(t, b.Events, 1)
	require.Equal(t, e.Content(), b.Events[0].Content())
	return b.Events[0]
}

// allocated returns how many bytes the process has allocated so far.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
