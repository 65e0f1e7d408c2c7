package e2e

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"eventanalytics/tests/stack"
)

// refusal is a body that must be refused as a whole. The id is that of the
// event the body would store if the refusal leaked.
type refusal struct {
	name    string
	body    func(id string) string
	headers []string
	status  int
	code    string // suffix of the problem's type; empty: any
	field   string // of the first of its errors; empty: any
}

func text(s string) func(string) string { return func(string) string { return s } }

// with replaces one field of an otherwise valid event.
func with(field, value string) func(string) string {
	return func(id string) string { return array(event(id, field, value)) }
}

func encoded(encode func(string) string, body string) func(string) string {
	return func(string) string { return encode(body) }
}

var refusals = []refusal{
	{name: "empty body", body: text(""), status: 400, code: "malformed-json"},
	{name: "null", body: text("null"), status: 400, code: "malformed-json"},
	{name: "a number", body: text("42"), status: 400, code: "malformed-json"},
	{name: "a string", body: text(`"x"`), status: 400, code: "malformed-json"},
	{name: "no events", body: text("[]"), status: 422, code: "empty-batch"},
	{name: "truncated", body: func(id string) string { return strings.TrimSuffix(array(event(id), event(newID())), "}]") }, status: 400, code: "malformed-json"},
	{name: "truncated at the end of many", body: truncatedLate, status: 400, code: "malformed-json"},
	{name: "trailing data", body: func(id string) string { return array(event(id)) + " []" }, status: 400, code: "malformed-json"},
	{name: "a field twice", body: func(id string) string {
		return array(strings.Replace(event(id), "{", `{"event_id":"`+newID()+`",`, 1))
	}, status: 400, code: "duplicate-key"},
	{name: "a property twice", body: with("properties", `{"a":1,"a":2}`), status: 400, code: "duplicate-key"},
	{name: "a field in upper case", body: func(id string) string { return array(event(id, "event_id", "", "EVENT_ID", quote(id))) }, status: 422, code: "unknown-field", field: "EVENT_ID"},
	{name: "an unknown field", body: with("colour", `"red"`), status: 422, code: "unknown-field", field: "colour"},
	{name: "bad UTF-8", body: with("event_type", "\"\xff\""), status: 400},
	{name: "a byte order mark", body: func(id string) string { return "\ufeff" + array(event(id)) }, status: 400},
	{name: "a lone surrogate", body: with("event_type", `"\ud800"`), status: 400},
	{name: "NUL in a name", body: with("event_type", `"a\u0000"`), status: 422, code: "invalid-character", field: "event_type"},
	{name: "NUL in a property", body: with("properties", `{"a":"\u0000"}`), status: 422, code: "invalid-character", field: "properties"},
	{name: "33 levels", body: with("properties", nested(33)), status: 422, code: "too-deep"},
	{name: "10,001 levels", body: with("properties", nested(10_001)), status: 422, code: "too-deep"},
	{name: "1e400", body: with("properties", `{"n":1e400}`), status: 422, code: "number-out-of-range"},
	{name: "4,000 digits", body: with("properties", `{"n":`+strings.Repeat("9", 4000)+`}`), status: 422, code: "number-out-of-range"},
	{name: "no event_id", body: with("event_id", ""), status: 422, field: "event_id"},
	{name: "event_id null", body: with("event_id", "null"), status: 422, field: "event_id"},
	{name: "the nil UUID", body: with("event_id", `"00000000-0000-0000-0000-000000000000"`), status: 422, field: "event_id"},
	{name: "35 characters", body: func(id string) string { return array(event(id[:35])) }, status: 422, field: "event_id"},
	{name: "braces", body: func(id string) string { return array(event("{" + id + "}")) }, status: 422, field: "event_id"},
	{name: "30 February", body: with("occurred_at", `"2025-02-30T00:00:00Z"`), status: 422, code: "invalid-timestamp", field: "occurred_at"},
	{name: "hour 24", body: with("occurred_at", `"2025-08-01T24:00:00Z"`), status: 422, code: "invalid-timestamp"},
	{name: "second 60", body: with("occurred_at", `"2025-08-01T23:59:60Z"`), status: 422, code: "invalid-timestamp"},
	{name: "comma in the fraction", body: with("occurred_at", `"2025-08-01T10:00:00,5Z"`), status: 422, code: "invalid-timestamp"},
	{name: "year 0", body: with("occurred_at", `"0000-01-01T00:00:00Z"`), status: 422, field: "occurred_at"},
	{name: "year 10000", body: with("occurred_at", `"10000-01-01T00:00:00Z"`), status: 422, code: "invalid-timestamp"},
	{name: "a date", body: with("occurred_at", `"2025-08-01"`), status: 422, code: "invalid-timestamp"},
	{name: "seconds since 1970", body: with("occurred_at", `1754042400`), status: 422, code: "invalid-timestamp"},
	{name: "25 hours ahead", body: func(id string) string {
		return array(event(id, "occurred_at", quote(time.Now().Add(25*time.Hour).UTC().Format(time.RFC3339))))
	}, status: 422, code: "timestamp-in-future", field: "occurred_at"},
	{name: "user 1.5", body: with("user_id", "1.5"), status: 422, field: "user_id"},
	{name: "user 1e3", body: with("user_id", "1e3"), status: 422, field: "user_id"},
	{name: "user true", body: with("user_id", "true"), status: 422, field: "user_id"},
	{name: "user empty", body: with("user_id", `""`), status: 422, field: "user_id"},
	{name: "user of 201 characters", body: with("user_id", quote(strings.Repeat("я", 201))), status: 422, field: "user_id"},
	{name: "user an object", body: with("user_id", "{}"), status: 422, field: "user_id"},
	{name: "type empty", body: with("event_type", `""`), status: 422, field: "event_type"},
	{name: "type of 201 characters", body: with("event_type", quote(strings.Repeat("x", 201))), status: 422, field: "event_type"},
	{name: "type with a control character", body: with("event_type", `"a\u0007"`), status: 422, field: "event_type"},
	{name: "properties an array", body: with("properties", "[]"), status: 422, field: "properties"},
	{name: "properties a string", body: with("properties", `"x"`), status: 422, field: "properties"},
	{name: "properties of 33 KiB", body: with("properties", `{"a":"`+strings.Repeat("x", 33<<10)+`"}`), status: 422, field: "properties"},
	{name: "properties twice", body: func(id string) string { return array(event(id, "properties", "{}", "properties_json", "{}")) }, status: 422},
	{name: "250,001 events", body: manyEvents, status: 413},
	{name: "a byte over 64 MiB", body: overlong, status: 413},
	{name: "gzip bomb", body: encoded(gzipped, strings.Repeat(" ", 80<<20)), headers: []string{"Content-Encoding", "gzip"}, status: 413},
	{name: "zstd bomb", body: encoded(zstandard, strings.Repeat(" ", 80<<20)), headers: []string{"Content-Encoding", "zstd"}, status: 413},
	{name: "truncated gzip", body: func(id string) string { s := gzipped(array(event(id))); return s[:len(s)-6] }, headers: []string{"Content-Encoding", "gzip"}, status: 400},
	{name: "gzip of garbage", body: encoded(gzipped, "garbage"), headers: []string{"Content-Encoding", "gzip"}, status: 400},
	{name: "no gzip at all", body: func(id string) string { return array(event(id)) }, headers: []string{"Content-Encoding", "gzip"}, status: 400},
	{name: "brotli", body: func(id string) string { return array(event(id)) }, headers: []string{"Content-Encoding", "br"}, status: 415},
	{name: "gzip in gzip", body: func(id string) string { return gzipped(gzipped(array(event(id)))) }, headers: []string{"Content-Encoding", "gzip, gzip"}, status: 415},
	{name: "XML", body: func(id string) string { return array(event(id)) }, headers: []string{"Content-Type", "application/xml"}, status: 415},
	{name: "key of 201 characters", body: func(id string) string { return array(event(id)) }, headers: []string{"Idempotency-Key", strings.Repeat("k", 201)}, status: 422},
	{name: "user null", body: func(id string) string { return array(event(id, "user_id", "null")) }, status: 422, field: "user_id"},
}

// TestRefusedEvents sends what must be refused, then proves that nothing of it
// was stored: not in the warehouse (a later event is the only one there) and
// not in the ledger (each id is still new).
func TestRefusedEvents(t *testing.T) {
	onEach(t, func(t *testing.T, s *stack.Stack) {
		c := newUser(t, s.URL)
		var ids []string
		for _, r := range refusals {
			t.Run(r.name, func(t *testing.T) {
				id := newID()
				ids = append(ids, id)
				p := c.send(t, r.body(id), r.headers...).is(t, r.status, r.code).problem(t)
				if r.field != "" {
					require.NotEmpty(t, p.Errors)
					require.Equal(t, r.field, p.Errors[0].Field)
				}
			})
		}
		ids = append(ids, refusedUnusually(t, c)...)

		last := newID()
		require.Equal(t, []string{last}, latest(t, c, c.upload(t, event(last)).Position))
		fresh := make([]string, len(ids))
		for i, id := range ids {
			fresh[i] = event(id)
		}
		require.Equal(t, len(ids), c.upload(t, array(fresh...)).Accepted)
	})
}

// refusedUnusually sends refusals that need more than a body; it returns the
// ids they held.
func refusedUnusually(t *testing.T, c *client) []string {
	t.Helper()
	id := newID()
	body := array(event(id))

	chunked := struct{ io.Reader }{strings.NewReader(overlong(id))} // no length known
	c.do(t, http.MethodPost, "/api/events", chunked, "Content-Type", "application/json").is(t, 413, "")

	for _, method := range []string{http.MethodPut, http.MethodDelete} {
		a := c.do(t, method, "/api/events", strings.NewReader(body)).is(t, 405, "")
		require.Contains(t, a.header.Get("Allow"), "POST")
	}
	half := array(event(id), event(newID(), "user_id", "[]"))
	a := c.do(t, http.MethodPost, "/api/events?atomic=true", strings.NewReader(half), "Content-Type", "application/json").is(t, 422, "")
	require.Equal(t, 1, *a.problem(t).Errors[0].Index)

	bad := make([]string, 150)
	for i := range bad {
		bad[i] = event(newID(), "event_type", "7")
	}
	p := c.send(t, array(bad...)).is(t, 422, "").problem(t)
	require.Len(t, p.Errors, 100)
	require.Equal(t, 50, p.Omitted)
	return []string{id}
}

func truncatedLate(id string) string {
	var b strings.Builder
	b.WriteString("[" + event(id))
	for range 99_998 {
		b.WriteString("," + event(newID()))
	}
	return b.String() + `,{"event_id":"`
}

func manyEvents(id string) string {
	var b strings.Builder
	b.WriteString("[" + event(id))
	for range 250_000 {
		b.WriteString("," + event(newID()))
	}
	return b.String() + "]"
}

func overlong(id string) string {
	one := event(id)
	return "[" + one + strings.Repeat(" ", 64<<20-len(one)-1) + "]"
}

func gzipped(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(s)) // into memory
	_ = w.Close()
	return b.String()
}

func zstandard(s string) string {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		panic(err) // no options, no error
	}
	return string(w.EncodeAll([]byte(s), nil))
}

// TestToleratedEvents sends odd input that must be taken, exactly as it is.
func TestToleratedEvents(t *testing.T) {
	onEach(t, func(t *testing.T, s *stack.Stack) {
		c := newUser(t, s.URL)

		t.Run("upper case is the same id", func(t *testing.T) {
			id := newID()
			require.Equal(t, 1, c.upload(t, event(strings.ToUpper(id))).Accepted)
			require.Equal(t, 1, c.upload(t, event(id)).Duplicates)
		})
		t.Run("an id twice in a batch", func(t *testing.T) {
			one := event(newID())
			r := c.upload(t, array(one, one))
			require.Equal(t, []int{1, 1}, []int{r.Accepted, r.Duplicates})
			require.Empty(t, r.Errors)
		})
		t.Run("an id with other content", func(t *testing.T) {
			id := newID()
			c.upload(t, event(id))
			r := c.upload(t, array(event(newID()), event(id, "user_id", "2")))
			require.Equal(t, []int{1, 1}, []int{r.Accepted, r.Duplicates})
			require.Len(t, r.Errors, 1)
			require.Equal(t, "conflict", r.Errors[0].Code)
			require.Equal(t, 1, *r.Errors[0].Index)
			c.do(t, http.MethodPost, "/api/events?atomic=true", strings.NewReader(event(id, "user_id", "3")), "Content-Type", "application/json").is(t, 409, "conflict")
			require.Equal(t, "1", stored(t, c, r.Position, id).UserID, "the first content stays")
		})
		t.Run("an id in two projects", func(t *testing.T) {
			id := newID()
			require.Equal(t, 1, c.upload(t, event(id)).Accepted)
			require.Equal(t, 1, newUser(t, s.URL).upload(t, event(id)).Accepted)
		})
		t.Run("42 is \"42\"", func(t *testing.T) {
			d := newUser(t, s.URL)
			r := d.upload(t, array(event(newID(), "user_id", "42"), event(newID(), "user_id", `"42"`)))
			days := rows[struct{ DAU int }](t, d, r.Position, "/api/stats/dau", "from", "2025-08-01", "to", "2025-08-01")
			require.Equal(t, 1, days[0].DAU)
		})
		t.Run("strange text comes back literally", func(t *testing.T) {
			for _, strange := range []string{
				"__proto__", "'; DROP TABLE analytics.users; --", "<script>alert(1)</script>", "👩‍👩‍👧 e\u0301", "שלום \u202e", "a\tb\nc\\d", "$events {{events}} %s",
			} {
				id := newID()
				b, err := json.Marshal(strange)
				require.NoError(t, err)
				kind := string(b)
				if strings.ContainsAny(strange, "\t\n") { // not in a type
					kind = `"odd"`
				}
				properties := fmt.Sprintf(`{%s:%s,"n":9007199254740993}`, b, b)
				r := c.upload(t, event(id, "user_id", string(b), "event_type", kind, "properties", properties))
				e := stored(t, c, r.Position, id)
				require.Equal(t, strange, e.UserID)
				require.Equal(t, quoted(t, kind), e.Type)
				require.JSONEq(t, properties, string(e.Properties))
				require.Contains(t, string(e.Properties), "9007199254740993", "digit for digit")
			}
		})
		t.Run("no Content-Type", func(t *testing.T) {
			require.Equal(t, 1, c.upload(t, event(newID()), "Content-Type", "").Accepted)
		})
		t.Run("other forms", func(t *testing.T) {
			require.Equal(t, 2, c.upload(t, `{"events":`+array(event(newID()), event(newID()))+`}`).Accepted)
			require.Equal(t, 2, c.upload(t, event(newID())+"\n"+event(newID())+"\n", "Content-Type", "application/x-ndjson").Accepted)
			require.Equal(t, 1, c.upload(t, gzipped(event(newID())), "Content-Encoding", "gzip").Accepted)
			require.Equal(t, 1, c.upload(t, zstandard(event(newID())), "Content-Encoding", "zstd").Accepted)
		})
		t.Run("one bad event among 1,000", func(t *testing.T) {
			d := newUser(t, s.URL)
			events := make([]string, 1000)
			for i := range events {
				events[i] = event(newID())
			}
			events[617] = event(newID(), "occurred_at", `"soon"`)
			r := d.upload(t, array(events...))
			require.Equal(t, []int{999, 1}, []int{r.Accepted, r.Rejected})
			require.Len(t, r.Errors, 1)
			require.Equal(t, 617, *r.Errors[0].Index)
			require.Equal(t, "occurred_at", r.Errors[0].Field)
			require.Len(t, latest(t, d, r.Position), 999)
		})
		t.Run("150 bad events among 200", func(t *testing.T) {
			events := make([]string, 200)
			for i := range events {
				events[i] = event(newID())
				if i < 150 {
					events[i] = event(newID(), "event_type", "7")
				}
			}
			r := c.upload(t, array(events...))
			require.Equal(t, []int{50, 150, 50}, []int{r.Accepted, r.Rejected, r.Omitted})
			require.Len(t, r.Errors, 100)
		})
		t.Run("a key makes an upload repeatable", func(t *testing.T) {
			body, key := event(newID()), []string{"Idempotency-Key", newID()}
			first := c.send(t, body, key...).is(t, 202, "")
			again := c.send(t, body, key...).is(t, 202, "")
			require.Empty(t, first.header.Get("Idempotency-Replayed"))
			require.Equal(t, "true", again.header.Get("Idempotency-Replayed"))
			require.JSONEq(t, string(first.body), string(again.body))
			c.send(t, event(newID()), key...).is(t, 409, "")
		})
	})
}

func quoted(t *testing.T, text string) (s string) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(text), &s))
	return s
}

// stored returns an event as of an upload.
func stored(t *testing.T, c *client, position, id string) storedEvent {
	t.Helper()
	var out struct{ Data json.RawMessage }
	c.get(t, "/api/stats/events/"+id, "min_position", position, "wait", "30s").is(t, 200, "").decode(t, &out)
	var list []storedEvent
	require.NoError(t, json.Unmarshal(out.Data, &list), "%s", out.Data)
	require.Len(t, list, 1)
	require.Equal(t, id, list[0].ID)
	return list[0]
}
