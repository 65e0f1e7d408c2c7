package event

import (
	"bufio"
	"bytes"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
)

// Mistake is what is wrong with one event.
type Mistake struct {
	Field   string // of the event; empty if the event as a whole is invalid
	Code    string // stable name of the mistake
	Message string // for people
}

// Validate reports the first rule that an event breaks, or nil. It is for events
// that do not come from Decode, which applies the same rules while it reads: those
// of other protocols, whose decoders know only how their payloads spell an event.
// Limits.MaxEvents is not its concern.
//
// The rules and the codes of their mistakes:
//   - ID is not the nil UUID (invalid-uuid);
//   - OccurredAt is in the limits (timestamp-in-future, timestamp-too-early);
//   - UserID has 1 to 200 characters (invalid-field), none of them U+0000, in valid
//     UTF-8 (invalid-character);
//   - Type has 1 to 200 characters (invalid-field), none of them a control
//     character, in valid UTF-8 (invalid-character);
//   - Properties is empty or a JSON object without white space around it
//     (invalid-field), of at most 32 KiB (too-large) and 32 levels (too-deep), its
//     keys distinct in each object (duplicate-key), its numbers finite as a 64-bit
//     float and at most 128 characters long (number-out-of-range), its strings
//     without U+0000 and lone surrogates, in valid UTF-8 (invalid-character).
func Validate(e *Event, limits Limits) *Mistake {
	if code, message := checkID(e.ID); code != "" {
		return &Mistake{"event_id", code, message}
	}
	if code, message := limits.checkTime(e.OccurredAt); code != "" {
		return &Mistake{"occurred_at", code, message}
	}
	if code, message := checkUserID([]byte(e.UserID)); code != "" {
		return &Mistake{"user_id", code, message}
	}
	if !utf8.ValidString(e.UserID) {
		return &Mistake{"user_id", "invalid-character", notUTF8}
	}
	if code, message := checkType([]byte(e.Type)); code != "" {
		return &Mistake{"event_type", code, message}
	}
	if !utf8.ValidString(e.Type) {
		return &Mistake{"event_type", "invalid-character", notUTF8}
	}
	if e.Properties == "" {
		return nil
	}
	if !utf8.ValidString(e.Properties) {
		return &Mistake{"properties", "invalid-character", notUTF8}
	}
	properties := []byte(e.Properties)
	if !isObject(properties) {
		return &Mistake{"properties", "invalid-field", notAnObject}
	}
	var few [16][]byte
	keys := names(few[:0])
	if code, message := keys.checkProperties(properties); code != "" {
		return &Mistake{"properties", code, message}
	}
	return nil
}

// isObject reports whether text is a JSON object of any depth and nothing else.
func isObject(text []byte) bool {
	if text[0] != '{' {
		return false
	}
	if jsontext.Value(text).IsValid(lenient) {
		return text[len(text)-1] == '}'
	}
	// It may only be nested deeper than jsontext goes.
	s := scanner{in: bufio.NewReader(bytes.NewReader(text))}
	return s.value() == nil && int(s.read) == len(text)
}

// notUTF8 cannot be said of what Decode reads: it has no use for these checks.
const notUTF8 = "must be valid UTF-8"

const notAUUID = "must be a UUID in its 36-character form, not the nil UUID"

func checkID(id uuid.UUID) (code, message string) {
	if id == uuid.Nil {
		return "invalid-uuid", notAUUID
	}
	return "", ""
}

func (l *Limits) checkTime(micros int64) (code, message string) {
	switch {
	case micros > l.NotAfter.UnixMicro():
		return "timestamp-in-future", "is later than " + l.NotAfter.UTC().Format(time.RFC3339)
	case micros < l.NotBefore.UnixMicro():
		return "timestamp-too-early", "is earlier than " + l.NotBefore.UTC().Format(time.RFC3339)
	}
	return "", ""
}

// maxCodePoints of user_id and event_type.
const maxCodePoints = 200

func checkLength(text []byte) (code, message string) {
	if n := utf8.RuneCount(text); n == 0 || n > maxCodePoints {
		return "invalid-field", "must have 1 to 200 characters"
	}
	return "", ""
}

func checkUserID(text []byte) (code, message string) {
	if code, message = checkLength(text); code == "" && bytes.IndexByte(text, 0) >= 0 {
		return "invalid-character", `may not hold \u0000`
	}
	return code, message
}

func checkType(text []byte) (code, message string) {
	if code, message = checkLength(text); code == "" && bytes.ContainsFunc(text, unicode.IsControl) {
		return "invalid-character", "may not hold control characters"
	}
	return code, message
}
