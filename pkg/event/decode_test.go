package event

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var limits = Limits{
	MaxEvents: 5,
	NotBefore: time.Unix(0, 0),
	NotAfter:  time.Date(2025, 9, 1, 0, 0, 0, 0, time.UTC),
}

const id = "25a4b866-040b-466f-945c-148e4720f511"

// eventWith returns a valid event with some members replaced; an empty value
// drops the member.
func eventWith(changes ...string) string {
	members := map[string]string{
		"event_id":    `"` + id + `"`,
		"occurred_at": `"2025-08-21T06:52:34+03:00"`,
		"user_id":     `1`,
		"event_type":  `"view_item"`,
		"properties":  `{"a": 1}`,
	}
	order := []string{"event_id", "occurred_at", "user_id", "event_type", "properties"}
	for i := 0; i < len(changes); i += 2 {
		if _, ok := members[changes[i]]; !ok {
			order = append(order, changes[i])
		}
		members[changes[i]] = changes[i+1]
	}
	var parts []string
	for _, name := range order {
		if members[name] != "" {
			parts = append(parts, fmt.Sprintf("%q: %s", name, members[name]))
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func decode(body string) (*Batch, error) { return Decode(strings.NewReader(body), false, limits) }

func TestDecodeShapes(t *testing.T) {
	t.Parallel()
	one := eventWith()
	for name, tc := range map[string]struct {
		body   string
		ndjson bool
	}{
		"array":    {body: "[" + one + "]"},
		"envelope": {body: `{"events": [` + one + `]}`},
		"single":   {body: one},
		"ndjson":   {body: one + "\n", ndjson: true},
		"alias":    {body: strings.Replace(one, `"properties"`, `"properties_json"`, 1)},
		"escapes":  {body: strings.NewReplacer("+03", `\u002b03`, "view_item", `view\u005fitem`, "25a4", `\u00325a4`, "event_type", `event\u005ftype`).Replace(one)},
		"string":   {body: eventWith("user_id", `"1"`)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, err := Decode(strings.NewReader(tc.body), tc.ndjson, limits)
			require.NoError(t, err)
			require.Empty(t, b.Invalid)
			require.Len(t, b.Events, 1)
			e := b.Events[0]
			require.Equal(t, id, e.ID.String())
			require.Equal(t, "2025-08-21T03:52:34Z", e.Time().Format(time.RFC3339Nano))
			require.Equal(t, "1", e.UserID)
			require.Equal(t, "view_item", e.Type)
			require.Equal(t, `{"a": 1}`, e.Properties)
		})
	}
}

func TestDecodeNDJSONReadsEveryLine(t *testing.T) {
	t.Parallel()
	b, err := Decode(strings.NewReader(eventWith()+"\n\n"+eventWith("user_id", "true")+"\r\n"+eventWith("user_id", `"x"`)), true, limits)
	require.NoError(t, err)
	require.Len(t, b.Events, 2)
	require.Equal(t, []int32{0, 2}, b.Indexes)
	require.Equal(t, 1, b.Invalid[0].Index)
}

func TestDecodeRefusesRequest(t *testing.T) {
	t.Parallel()
	one := eventWith()
	deep := strings.Repeat("[", 10_001) + "1" + strings.Repeat("]", 10_001)
	for _, tc := range []struct {
		name, body, code string
		malformed        bool
	}{
		{"empty", "", "malformed-json", true},
		{"white space", " \n", "malformed-json", true},
		{"null", "null", "malformed-json", true},
		{"number", "42", "malformed-json", true},
		{"string", `"x"`, "malformed-json", true},
		{"no events", "[]", "empty-batch", false},
		{"empty envelope", `{"events": []}`, "empty-batch", false},
		{"envelope of no array", `{"events": {}}`, "invalid-field", false},
		{"beside the envelope", `{"events": [` + one + `], "x": 1}`, "unknown-field", false},
		{"truncated", "[" + one + "," + one[:40], "malformed-json", true},
		{"truncated between", "[" + one, "malformed-json", true},
		{"trailing", "[" + one + "] []", "malformed-json", true},
		{"trailing garbage", one + "x", "malformed-json", true},
		{"a second list", `{"events": [` + one + `], "events": []}`, "duplicate-key", true},
		{"bad UTF-8", eventWith("event_type", "\"\xff\""), "malformed-json", true},
		{"byte order mark", "\ufeff[" + one + "]", "malformed-json", true},
		{"bad UTF-8 in an unknown field", eventWith("x", "[\"\xff\"]"), "malformed-json", true},
		{"bad UTF-8 in a key", eventWith("properties", "{\"\xff\": 1}"), "malformed-json", true},
		{"bad UTF-8 in no object", "[\"\xc3\"]", "malformed-json", true},
		{"leading zero", eventWith("properties", `{"a": 01}`), "malformed-json", true},
		{"10,001 levels, one too many closed", eventWith("properties", `{"a": `+deep+`]}`), "malformed-json", true},
		{"10,001 levels, not closed", "[" + eventWith("properties", `{"a": `+deep), "malformed-json", true},
		{"10,001 levels, no JSON inside", "[" + strings.Replace(deep, "1", "01", 1) + "]", "malformed-json", true},
		{"10,001 levels, bad UTF-8 inside", "[" + strings.Replace(deep, "1", "\"\xff\"", 1) + "]", "malformed-json", true},
		{"10,001 levels, other brackets", "[" + strings.Replace(deep, "1", "{]", 1) + "]", "malformed-json", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := decode(tc.body)
			var request *RequestError
			require.ErrorAs(t, err, &request)
			require.Equal(t, tc.code, request.Code, request.Message)
			require.Equal(t, tc.malformed, request.Malformed)
		})
	}
}

// A refusal says in which event it was found.
func TestDecodeRefusesRequestAtEvent(t *testing.T) {
	t.Parallel()
	one := eventWith()
	for body, event := range map[string]int{
		"[" + one + ", " + one[:40]: 1, "[" + one + ",, ]": 1, "[" + one + ", " + one + ", \"\xff\"]": 2, "\ufeff[]": 0,
	} {
		_, err := decode(body)
		var request *RequestError
		require.ErrorAs(t, err, &request)
		require.NotNil(t, request.Event, body)
		require.Equal(t, event, *request.Event, body)
	}
	for _, body := range []string{"", "null", "[]", "[" + one + "] []"} {
		_, err := decode(body)
		var request *RequestError
		require.ErrorAs(t, err, &request)
		require.Nil(t, request.Event, body)
	}
}

func TestDecodeRefusesEvent(t *testing.T) {
	t.Parallel()
	many := func(member string) string {
		var members strings.Builder
		for i := range 40 {
			fmt.Fprintf(&members, `"k%d": %d, `, i, i)
		}
		return "{" + members.String() + member + "}"
	}
	nested := func(levels int) string {
		return strings.Repeat(`{"a":`, levels-1) + "{}" + strings.Repeat("}", levels-1)
	}
	for _, tc := range []struct{ name, event, field, code string }{
		{"other case", eventWith("event_id", "", "EVENT_ID", `"`+id+`"`), "EVENT_ID", "unknown-field"},
		{"unknown field", eventWith("x", "1"), "x", "unknown-field"},
		{"not an object", "7", "", "not-an-object"},
		{"NUL in user", eventWith("user_id", `"a\u0000"`), "user_id", "invalid-character"},
		{"NUL in type", eventWith("event_type", `"a\u0000"`), "event_type", "invalid-character"},
		{"NUL in properties", eventWith("properties", `{"a": "\\\u0000"}`), "properties", "invalid-character"},
		{"NUL in a key", eventWith("properties", `{"\u0000": 1}`), "properties", "invalid-character"},
		{"duplicate member", eventWith()[:1] + `"event_id": "` + id + `", ` + eventWith()[1:], "event_id", "duplicate-key"},
		{"duplicate member, escaped", eventWith()[:1] + `"event\u005fid": "` + id + `", ` + eventWith()[1:], "event_id", "duplicate-key"},
		{"duplicate properties", strings.TrimSuffix(eventWith(), "}") + `, "properties": null}`, "properties", "duplicate-key"},
		{"duplicate key", eventWith("properties", `{"a": 1, "b": [{}, 2], "a": {"b": 1}}`), "properties", "duplicate-key"},
		{"duplicate key in an object", eventWith("properties", `{"a": 1, "b": [1, {"a": 1, "c": "c", "a": 2}]}`), "properties", "duplicate-key"},
		{"duplicate key, escaped", eventWith("properties", `{"a": 1, "\u0061": 2}`), "properties", "duplicate-key"},
		{"duplicate key, escaped in two ways", eventWith("properties", `{"\u002f": 1, "\/": 2}`), "properties", "duplicate-key"},
		{"duplicate key among many", eventWith("properties", many(`"k\u0033": 1`)), "properties", "duplicate-key"},
		{"lone surrogate in user", eventWith("user_id", `"\ud83d"`), "user_id", "invalid-character"},
		{"lone surrogate in type", eventWith("event_type", `"a\ude00"`), "event_type", "invalid-character"},
		{"lone surrogate in properties", eventWith("properties", `{"a": ["\ud83d!\ude00"]}`), "properties", "invalid-character"},
		{"two halves in the wrong order", eventWith("properties", `{"a": "\ude00\ud83d"}`), "properties", "invalid-character"},
		{"lone surrogate in a key", eventWith("properties", `{"\uD83D": 1}`), "properties", "invalid-character"},
		{"lone surrogate in a field", eventWith()[:1] + `"event\ud800": "` + id + `", ` + eventWith()[1:], "event\ufffd", "invalid-character"},
		{"empty name", eventWith("", "1"), "", "unknown-field"},
		{"10,001 levels", eventWith("properties", strings.Repeat(`{"a": [`, 5001)+`1, "\"]", {"b": true, "c": -1.5e3}, []`+strings.Repeat("]}", 5001)), "properties", "too-deep"},
		{"10,001 levels in few bytes", eventWith("properties", `{"a":`+strings.Repeat("[", 10_001)+strings.Repeat("]", 10_001)+"}"), "properties", "too-deep"},
		{"10,001 levels of what is not known", eventWith("x", strings.Repeat("[", 10_001)+strings.Repeat("]", 10_001)), "x", "unknown-field"},
		{"10,001 levels and no object", strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001), "", "not-an-object"},
		{"33 levels", eventWith("properties", nested(33)), "properties", "too-deep"},
		{"1e400", eventWith("properties", `{"a": [1e400]}`), "properties", "number-out-of-range"},
		{"4,000 digits", eventWith("properties", `{"a": `+strings.Repeat("9", 4000)+`}`), "properties", "number-out-of-range"},
		{"no id", eventWith("event_id", ""), "event_id", "missing-field"},
		{"null id", eventWith("event_id", "null"), "event_id", "invalid-uuid"},
		{"nil id", eventWith("event_id", `"00000000-0000-0000-0000-000000000000"`), "event_id", "invalid-uuid"},
		{"35 characters", eventWith("event_id", `"`+id[:35]+`"`), "event_id", "invalid-uuid"},
		{"braces", eventWith("event_id", `"{`+id+`}"`), "event_id", "invalid-uuid"},
		{"32 digits", eventWith("event_id", `"`+strings.ReplaceAll(id, "-", "")+`"`), "event_id", "invalid-uuid"},
		{"no time", eventWith("occurred_at", ""), "occurred_at", "missing-field"},
		{"future", eventWith("occurred_at", `"2025-09-01T00:00:00.000001Z"`), "occurred_at", "timestamp-in-future"},
		{"before 1970", eventWith("occurred_at", `"1969-12-31T23:59:59Z"`), "occurred_at", "timestamp-too-early"},
		{"no user", eventWith("user_id", ""), "user_id", "missing-field"},
		{"fraction", eventWith("user_id", "1.5"), "user_id", "invalid-field"},
		{"exponent", eventWith("user_id", "1e3"), "user_id", "invalid-field"},
		{"boolean", eventWith("user_id", "true"), "user_id", "invalid-field"},
		{"empty user", eventWith("user_id", `""`), "user_id", "invalid-field"},
		{"201 characters", eventWith("user_id", `"`+strings.Repeat("é", 201)+`"`), "user_id", "invalid-field"},
		{"object", eventWith("user_id", "{}"), "user_id", "invalid-field"},
		{"no type", eventWith("event_type", ""), "event_type", "missing-field"},
		{"empty type", eventWith("event_type", `""`), "event_type", "invalid-field"},
		{"long type", eventWith("event_type", `"`+strings.Repeat("x", 201)+`"`), "event_type", "invalid-field"},
		{"control character", eventWith("event_type", `"a\nb"`), "event_type", "invalid-character"},
		{"array", eventWith("properties", "[]"), "properties", "invalid-field"},
		{"string", eventWith("properties", `"x"`), "properties", "invalid-field"},
		{"33 KiB", eventWith("properties", `{"a": "`+strings.Repeat("x", 33<<10)+`"}`), "properties", "too-large"},
		{"both names", eventWith("properties_json", "null"), "properties_json", "ambiguous-field"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for _, body := range []string{"[%s, %s , %s]", `{"events" : [%s,%s,%s]}`, "%s\n%s\n%s\n"} {
				b, err := Decode(strings.NewReader(fmt.Sprintf(body, eventWith(), tc.event, eventWith())), body[0] == '%', limits)
				require.NoError(t, err)
				require.Equal(t, []int32{0, 2}, b.Indexes, "its neighbours are taken")
				require.Len(t, b.Invalid, 1)
				require.Equal(t, 1, b.Invalid[0].Index)
				require.Equal(t, tc.field, b.Invalid[0].Field)
				require.Equal(t, tc.code, b.Invalid[0].Code)
			}
			if tc.event[0] == '{' {
				b, err := decode(tc.event)
				require.NoError(t, err)
				require.Equal(t, tc.code, b.Invalid[0].Code)
			}
		})
	}
}

func TestDecodeKeeps(t *testing.T) {
	t.Parallel()
	for name, properties := range map[string]string{
		"digits":    `{"a": 9007199254740993, "b": 1.10, "c": -0.0e-7}`,
		"32 levels": strings.Repeat(`{"a":`, 31) + "{}" + strings.Repeat("}", 31),
		"strange":   `{"__proto__": "' OR 1=1--", "rtl": "שלום", "html": "<b>", "emoji": "😀\ud83d\ude00"}`,
		"backslash": `{"a": "\\u0000\\ud800"}`,
		"keys":      `{"a": {"a": {"a": 1}, "b": 1}, "A": [{"a": 1}, {"a": 1}], "á": 1, "\u0101": 2}`,
		"32 KiB":    `{"a":"` + strings.Repeat("x", 32<<10-8) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, err := decode(eventWith("properties", properties, "user_id", `"`+strings.Repeat("é", 200)+`"`))
			require.NoError(t, err)
			require.Empty(t, b.Invalid)
			require.Equal(t, properties, b.Events[0].Properties)
		})
	}
}

func TestDecodeLimitsEvents(t *testing.T) {
	t.Parallel()
	five := strings.TrimSuffix(strings.Repeat(eventWith()+",", 5), ",")
	b, err := decode("[" + five + "]")
	require.NoError(t, err)
	require.Equal(t, 5, b.Len())
	_, err = decode("[" + five + ", 7]")
	require.ErrorIs(t, err, ErrTooManyEvents)
}

func TestDecodeReportsReadErrors(t *testing.T) {
	t.Parallel()
	broken := errors.New("connection reset")
	body := "[" + eventWith("properties", `{"a": [1, "\\u0061", true]}`) + "," + eventWith() + "]"
	for cut := range len(body) { // wherever in a value the connection breaks
		_, err := Decode(io.MultiReader(strings.NewReader(body[:cut]), errorReader{broken}), false, limits)
		require.ErrorIs(t, err, broken, body[:cut])
		var request *RequestError
		require.NotErrorAs(t, err, &request, body[:cut])
	}
}

type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.err }

func TestParseTimestamp(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2025-08-21T06:52:34+03:00":        "2025-08-21T03:52:34Z",
		"2025-08-21 06:52:34-03:30":        "2025-08-21T10:22:34Z",
		"2025-08-21t06:52:34z":             "2025-08-21T06:52:34Z",
		"2025-08-21T06:52:34":              "2025-08-21T06:52:34Z",
		"2025-08-21T06:52:34.5Z":           "2025-08-21T06:52:34.5Z",
		"2025-08-21T06:52:34.123456999Z":   "2025-08-21T06:52:34.123456Z",
		"2024-02-29T23:59:59.999999999Z":   "2024-02-29T23:59:59.999999Z",
		"1970-01-01T00:00:00-00:01":        "1970-01-01T00:01:00Z",
		"1969-12-31T23:59:59.250000+00:00": "1969-12-31T23:59:59.25Z",
	} {
		got, ok := parseTimestamp([]byte(text))
		require.True(t, ok, text)
		require.Equal(t, want, Event{OccurredAt: got}.Time().Format(time.RFC3339Nano), text)
	}
	for _, text := range []string{
		"", "2025-08-01", "1754000000", "2025-02-30T00:00:00Z", "2025-08-21T24:00:00Z", "2025-08-21T23:60:00Z",
		"2025-08-21T23:59:60Z", "2025-08-21T06:52:34,5Z", "2025-08-21T06:52:34.Z", "0000-01-01T00:00:00Z",
		"10000-01-01T00:00:00Z", "2025-08-21T06:52:34+24:00", "2025-08-21T06:52:34+0300", "2025-08-21T06:52Z",
		"2025-13-01T00:00:00Z", "2025-00-01T00:00:00Z", "2025-08-00T00:00:00Z", "2025-08-21T06:52:34 Z", "+025-08-21T06:52:34Z",
	} {
		_, ok := parseTimestamp([]byte(text))
		require.False(t, ok, text)
	}
}

func TestContent(t *testing.T) {
	t.Parallel()
	base := Event{OccurredAt: 1, UserID: "42", Type: "x", Properties: `{"a b": [1, 2.0], "c": "\" }"}`}
	for _, spelling := range []string{
		"{\"a b\":[1,\t2.0],\n\"c\":\"\\\" }\"}", `{"c": "\u0022 }", "a b": [1, 2.0]}`, `{"a b": [1.0, 2], "c": "\" }"}`,
		`{"a\u0020b": [10e-1, 0.2e+1], "\u0063": "\" }"}`,
	} {
		same := base
		same.Properties = spelling
		require.Equal(t, base.Content(), same.Content(), spelling)
	}
	// The hashes of this version are in ledgers: they may never change.
	require.Equal(t, int64(4195615475474992450), base.Content())
	seen := map[int64]Event{base.Content(): base}
	for _, e := range []Event{
		{OccurredAt: 2, UserID: "42", Type: "x", Properties: base.Properties},
		{OccurredAt: 1, UserID: "4", Type: "2x", Properties: base.Properties},
		{OccurredAt: 1, UserID: "42", Type: "y", Properties: base.Properties},
		{OccurredAt: 1, UserID: "42", Type: "x", Properties: `{"ab":[1,2.0],"c":"\" }"}`},
		{OccurredAt: 1, UserID: "42", Type: "x", Properties: `{"a b":[2,1],"c":"\" }"}`},
		{OccurredAt: 1, UserID: "42", Type: "x", Properties: `{"a b":[1,"2"],"c":"\" }"}`},
		{OccurredAt: 1, UserID: "42", Type: "x", Properties: `{"a b":[1,-2],"c":"\" }"}`},
		{OccurredAt: 1, UserID: "42", Type: "x", Properties: `{"a b":[1,20],"c":"\" }"}`},
		{OccurredAt: 1, UserID: "42", Type: "x", Properties: `{"a b":[1,2,null],"c":"\" }"}`},
		{OccurredAt: 1, UserID: "42", Type: "x", Properties: `{"a b":[[1,2]],"c":"\" }"}`},
		{OccurredAt: 1, UserID: "42", Type: "x", Properties: `{"c":[1,2],"a b":"\" }"}`},
		{OccurredAt: 1, UserID: "42", Type: "x", Properties: `{"a b":[1,2.0000000000000000000001],"c":"\" }"}`},
		{OccurredAt: 1, UserID: "42", Type: "x", Properties: `{"a":9007199254740992}`},
		{OccurredAt: 1, UserID: "42", Type: "x", Properties: `{"a":9007199254740993}`},
		{OccurredAt: 1, UserID: "42", Type: "x", Properties: `{"a":{"b":1},"c":{}}`},
		{OccurredAt: 1, UserID: "42", Type: "x", Properties: `{"a":{},"c":{"b":1}}`},
		{OccurredAt: 1, UserID: "42", Type: "x", Properties: `{"a":[]}`},
		{OccurredAt: 1, UserID: "42", Type: "x", Properties: `{"a":{}}`},
		{OccurredAt: 1, UserID: "42", Type: "x", Properties: `{"a":null}`},
		{OccurredAt: 1, UserID: "42", Type: "x", Properties: `{"a":false}`},
		{OccurredAt: 1, UserID: "42", Type: "x", Properties: `{}`},
		{OccurredAt: 1, UserID: "42", Type: "x"},
	} {
		require.NotContains(t, seen, e.Content())
		seen[e.Content()] = e
	}
}

func BenchmarkDecode(b *testing.B) {
	const n = 1000
	var body strings.Builder
	for i := range n {
		fmt.Fprintf(&body, "%s\n", eventWith("user_id", fmt.Sprint(i%100), "properties", `{"country":"PL","session_id":"5ef18783","item_id":"SKU6991","price":118.64,"currency":"USD"}`))
	}
	b.SetBytes(int64(body.Len()))
	b.ReportAllocs()
	for b.Loop() {
		batch, err := Decode(strings.NewReader(body.String()), true, Limits{MaxEvents: n, NotAfter: limits.NotAfter})
		if err != nil || len(batch.Events) != n {
			b.Fatal(err)
		}
	}
}

func BenchmarkContent(b *testing.B) {
	e := Event{OccurredAt: 1, UserID: "42", Type: "view_item", Properties: `{"country":"PL","session_id":"5ef18783","item_id":"SKU6991","price":118.64,"currency":"USD"}`}
	b.SetBytes(int64(len(e.Properties)))
	b.ReportAllocs()
	for b.Loop() {
		e.Content()
	}
}
