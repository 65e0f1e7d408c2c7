package event

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func validEvent() Event {
	return Event{ID: uuid.MustParse(id), OccurredAt: limits.NotAfter.UnixMicro(), UserID: "1", Type: "view_item", Properties: `{"a": 1}`}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name        string
		change      func(*Event)
		field, code string
	}{
		{"valid", func(*Event) {}, "", ""},
		{"no properties", func(e *Event) { e.Properties = "" }, "", ""},
		{"earliest", func(e *Event) { e.OccurredAt = limits.NotBefore.UnixMicro() }, "", ""},
		{"200 characters", func(e *Event) { e.UserID, e.Type = strings.Repeat("é", 200), strings.Repeat("é", 200) }, "", ""},
		{"nil UUID", func(e *Event) { e.ID = uuid.Nil }, "event_id", "invalid-uuid"},
		{"too late", func(e *Event) { e.OccurredAt++ }, "occurred_at", "timestamp-in-future"},
		{"too early", func(e *Event) { e.OccurredAt = limits.NotBefore.UnixMicro() - 1 }, "occurred_at", "timestamp-too-early"},
		{"no user", func(e *Event) { e.UserID = "" }, "user_id", "invalid-field"},
		{"long user", func(e *Event) { e.UserID = strings.Repeat("é", 201) }, "user_id", "invalid-field"},
		{"NUL in user", func(e *Event) { e.UserID = "a\x00" }, "user_id", "invalid-character"},
		{"bad UTF-8 in user", func(e *Event) { e.UserID = "a\xff" }, "user_id", "invalid-character"},
		{"no type", func(e *Event) { e.Type = "" }, "event_type", "invalid-field"},
		{"long type", func(e *Event) { e.Type = strings.Repeat("x", 201) }, "event_type", "invalid-field"},
		{"control character", func(e *Event) { e.Type = "a\n" }, "event_type", "invalid-character"},
		{"bad UTF-8 in type", func(e *Event) { e.Type = "\xff" }, "event_type", "invalid-character"},
		{"array", func(e *Event) { e.Properties = "[]" }, "properties", "invalid-field"},
		{"null", func(e *Event) { e.Properties = "null" }, "properties", "invalid-field"},
		{"white space", func(e *Event) { e.Properties = " {}" }, "properties", "invalid-field"},
		{"no JSON", func(e *Event) { e.Properties = `{"a": "` }, "properties", "invalid-field"},
		{"two values", func(e *Event) { e.Properties = `{} {}` }, "properties", "invalid-field"},
		{"duplicate key", func(e *Event) { e.Properties = `{"a": 1, "a": 2}` }, "properties", "duplicate-key"},
		{"bad UTF-8", func(e *Event) { e.Properties = "{\"a\": \"\xff\"}" }, "properties", "invalid-character"},
		{"33 KiB", func(e *Event) { e.Properties = `{"a":"` + strings.Repeat("x", 33<<10) + `"}` }, "properties", "too-large"},
		{"33 levels", func(e *Event) { e.Properties = strings.Repeat(`{"a":`, 33) + "1" + strings.Repeat("}", 33) }, "properties", "too-deep"},
		{"10,001 levels", func(e *Event) {
			e.Properties = `{"a":` + strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001) + "}"
		}, "properties", "too-deep"},
		{"lone surrogate", func(e *Event) { e.Properties = `{"\ud800": 1}` }, "properties", "invalid-character"},
		{"infinite", func(e *Event) { e.Properties = `{"a": 1e400}` }, "properties", "number-out-of-range"},
		{"NUL", func(e *Event) { e.Properties = `{"a": "\u0000"}` }, "properties", "invalid-character"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			e := validEvent()
			tc.change(&e)
			m := Validate(&e, limits)
			if tc.code == "" {
				require.Nil(t, m)
				return
			}
			require.NotNil(t, m)
			require.Equal(t, tc.field, m.Field)
			require.Equal(t, tc.code, m.Code)
			require.NotEmpty(t, m.Message)
		})
	}
}

// FuzzValidate holds Validate and Decode to the same rules: an event that one of
// them takes, written as JSON, the other takes as well; and refuses for the same
// reason otherwise.
func FuzzValidate(f *testing.F) {
	for _, properties := range []string{"", "{}", `{"a": 1}`, `{"a": "\u0000"}`, `{"a": 1e400}`, "[]", "{", "{} ", " {}", `{"\`, `{"a": 1, "a": 2}`, "{\"a\": \"\xff\"}", `{"a": "\ud800"}`, "{\"a\":" + strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001) + "}"} {
		f.Add([]byte(id)[:16], int64(0), "1", "view_item", properties)
	}
	f.Add(make([]byte, 16), int64(1)<<62, "", "\x00", "null")
	f.Fuzz(func(t *testing.T, raw []byte, micros int64, user, eventType, properties string) {
		e := Event{OccurredAt: micros, UserID: user, Type: eventType, Properties: properties}
		copy(e.ID[:], raw)
		m := Validate(&e, limits)
		if year := e.Time().Year(); year < 1 || year > 9999 {
			require.NotNil(t, m) // it cannot be written
			return
		}
		if m == nil {
			require.Equal(t, e, rewritten(t, e))
			return
		}
		if m.Message == notUTF8 || m.Message == notAnObject {
			return // nor can this
		}
		text, err := json.Marshal(map[string]any{"event_id": e.ID, "occurred_at": e.Time(), "user_id": user, "event_type": eventType})
		require.NoError(t, err)
		body := string(text)
		if m.Field == "properties" {
			body = strings.TrimSuffix(body, "}") + fmt.Sprintf(`, "properties": %s}`, properties)
		}
		b, err := decode(body)
		if err != nil {
			require.ErrorIs(t, err, ErrEventTooLarge)
			return
		}
		require.Len(t, b.Invalid, 1)
		// Decode reports the first mistake in the order of the members, which
		// json.Marshal has sorted.
		require.Contains(t, []string{"event_id", "event_type", "occurred_at", "user_id", "properties"}, b.Invalid[0].Field)
		if b.Invalid[0].Field == m.Field {
			require.Equal(t, *m, b.Invalid[0].Mistake)
		}
	})
}
