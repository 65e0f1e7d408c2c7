package event

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
)

// Limits bound the content of a request.
type Limits struct {
	MaxEvents int       // maximum events per request
	NotBefore time.Time // earliest occurred_at, inclusive
	NotAfter  time.Time // latest occurred_at, inclusive
}

// Invalid says why an event was rejected.
type Invalid struct {
	Index   int    // of the event in the request, from 0
	Field   string // of the event; empty if the event as a whole is invalid
	Code    string // stable name of the error
	Message string // for people
}

// Batch is a decoded request: its valid events in request order, and what is wrong
// with the others.
type Batch struct {
	Events  []Event
	Indexes []int32 // of each of the Events in the request
	Invalid []Invalid
}

// Len is the number of events in the request.
func (b *Batch) Len() int { return len(b.Events) + len(b.Invalid) }

// RequestError rejects a request as a whole: no part of it may be stored.
type RequestError struct {
	Code      string
	Message   string
	Malformed bool // not JSON, as opposed to JSON of the wrong shape
}

func (e *RequestError) Error() string { return e.Message }

// ErrTooManyEvents is returned for a request over Limits.MaxEvents.
var ErrTooManyEvents = errors.New("too many events in one request")

// ErrEventTooLarge is returned for an event of more than 1 MiB.
var ErrEventTooLarge = errors.New("an event has more than 1 MiB")

// maxNesting is the depth at which jsontext gives up.
const maxNesting = 10_000

// Decode reads a request body: an array of events, one event, {"events": […]},
// or, with ndjson, one event after the other. It is strict: duplicate keys,
// invalid UTF-8 and trailing data reject the whole request with a *RequestError.
// Errors of r are returned wrapped.
func Decode(r io.Reader, ndjson bool, limits Limits) (*Batch, error) {
	d := decoders.Get().(*decoder)
	defer d.free()
	d.limits, d.source = limits, bounded{r: r, json: d.json}
	d.json.Reset(&d.source)
	d.batch = &Batch{}
	var err error
	if ndjson {
		err = d.lines()
	} else {
		err = d.document()
	}
	if err != nil {
		return nil, d.classify(err)
	}
	if d.batch.Len() == 0 {
		return nil, &RequestError{Code: "empty-batch", Message: "the request holds no event"}
	}
	return d.batch, nil
}

// decoders reuses what decoding a request would otherwise allocate each time: most
// requests are small.
var decoders = sync.Pool{New: func() any {
	return &decoder{json: jsontext.NewDecoder(strings.NewReader("")), types: map[string]string{}}
}}

// free returns d to the pool, without references to the request.
func (d *decoder) free() {
	clear(d.types)
	d.batch, d.texts, d.source = nil, texts{}, bounded{}
	decoders.Put(d)
}

type decoder struct {
	json   *jsontext.Decoder
	source bounded
	limits Limits
	batch  *Batch
	start  int64             // where the current event begins, in bytes of the body
	types  map[string]string // event types seen, interned
	text   []byte            // user_id, then properties, of the current event
	props  []byte            // its properties, as user_id may come after them
	name   []byte            // scratch for a name or an unescaped string
	texts  texts
}

func (d *decoder) lines() error {
	for {
		switch d.json.PeekKind() {
		case 0: // the end, or an error that the next read returns
			_, err := d.json.ReadToken()
			if err == io.EOF && d.json.InputOffset() > 0 { //nolint:errorlint // jsontext returns it bare
				return nil
			}
			return err
		default:
			if err := d.element(); err != nil {
				return err
			}
		}
	}
}

func (d *decoder) document() error {
	switch d.json.PeekKind() {
	case '[':
		if err := d.array(); err != nil {
			return err
		}
	case '{':
		if err := d.object(); err != nil {
			return err
		}
	default:
		if _, err := d.json.ReadToken(); err != nil {
			return err
		}
		return &RequestError{Code: "malformed-json", Message: "the body must be a JSON array of events, one event or {\"events\": […]}", Malformed: true}
	}
	if _, err := d.json.ReadToken(); err == nil {
		return &RequestError{Code: "malformed-json", Message: "data after the end of the JSON document", Malformed: true}
	} else if err != io.EOF { //nolint:errorlint // jsontext returns it bare
		return err
	}
	return nil
}

func (d *decoder) array() error {
	if _, err := d.json.ReadToken(); err != nil {
		return err
	}
	for d.json.PeekKind() != ']' {
		if err := d.element(); err != nil {
			return err
		}
	}
	_, err := d.json.ReadToken()
	return err
}

// object reads one event or {"events": […]}; the first member decides which.
func (d *decoder) object() error {
	if _, err := d.json.ReadToken(); err != nil {
		return err
	}
	first, err := d.memberName()
	if err != nil {
		return err
	}
	if string(first) != "events" {
		return d.event(first)
	}
	if d.json.PeekKind() != '[' {
		if err := d.json.SkipValue(); err != nil {
			return err
		}
		return &RequestError{Code: "invalid-field", Message: "events: must be an array"}
	}
	if err := d.array(); err != nil {
		return err
	}
	other, err := d.memberName()
	if err != nil {
		return err
	}
	if other != nil {
		return &RequestError{Code: "unknown-field", Message: fmt.Sprintf("%q: unknown member beside events", clip(other))}
	}
	return nil
}

// element reads the next value as an event.
func (d *decoder) element() error {
	if d.batch.Len() == d.limits.MaxEvents {
		return ErrTooManyEvents
	}
	d.start = d.json.InputOffset()
	if d.json.PeekKind() != '{' {
		if err := d.json.SkipValue(); err != nil {
			return err
		}
		d.refuse("", "not-an-object", "an event must be a JSON object")
		return nil
	}
	if _, err := d.json.ReadToken(); err != nil {
		return err
	}
	name, err := d.memberName()
	if err != nil {
		return err
	}
	return d.event(name)
}

// memberName reads the next member's name, or returns nil at the end of the
// object. The name is valid until the next call.
func (d *decoder) memberName() ([]byte, error) {
	if d.json.PeekKind() == '}' {
		_, err := d.json.ReadToken()
		return nil, err
	}
	if d.json.InputOffset()-d.start > maxEventBytes {
		return nil, ErrEventTooLarge
	}
	v, err := d.json.ReadValue()
	if err != nil {
		return nil, err
	}
	d.name, err = jsontext.AppendUnquote(append(d.name[:0], 0)[:0], v)
	return d.name, err
}

func (d *decoder) refuse(field, code, message string) {
	d.batch.Invalid = append(d.batch.Invalid, Invalid{Index: d.batch.Len(), Field: field, Code: code, Message: message})
}

// event reads the members of an event whose first name has already been read. Only
// the first error of an event is reported; the rest is still read, to check that it
// is JSON.
func (d *decoder) event(name []byte) error {
	var e Event
	var seen struct{ id, at, user, typ, props bool }
	var wrong struct{ field, code, message string }
	d.text, d.props = d.text[:0], d.props[:0]
	userLen := 0
	var err error
	for ; name != nil; name, err = d.memberName() {
		if err != nil {
			return err
		}
		var field, code, message string
		known := true
		switch string(name) {
		case "event_id":
			field, seen.id = "event_id", true
		case "occurred_at":
			field, seen.at = "occurred_at", true
		case "user_id":
			field, seen.user = "user_id", true
		case "event_type":
			field, seen.typ = "event_type", true
		case "properties", "properties_json":
			field = "properties"
			if len(name) > len(field) {
				field = "properties_json"
			}
			if seen.props {
				code, message = "ambiguous-field", "give either properties or properties_json"
			}
			seen.props = true
		default:
			known = false
			field, code, message = string(clip(name)), "unknown-field", "is not a field of an event"
		}
		v, err := d.json.ReadValue()
		if err != nil {
			return err
		}
		if known && code == "" {
			switch field {
			case "event_id":
				e.ID, code, message = d.eventID(v)
			case "occurred_at":
				e.OccurredAt, code, message = d.occurredAt(v)
			case "user_id":
				code, message = d.userID(v)
				userLen = len(d.text)
			case "event_type":
				e.Type, code, message = d.eventType(v)
			default:
				if v.Kind() == 'n' {
					break
				}
				if v.Kind() != '{' {
					code, message = "invalid-field", "must be a JSON object or null"
				} else if code, message = checkProperties(v); code == "" {
					d.props = append(d.props[:0], v...)
				}
			}
		}
		if code != "" && wrong.code == "" {
			wrong.field, wrong.code, wrong.message = field, code, message
		}
	}
	if err != nil {
		return err
	}
	if wrong.code == "" {
		wrong.code, wrong.message = "missing-field", "is required"
		switch {
		case !seen.id:
			wrong.field = "event_id"
		case !seen.at:
			wrong.field = "occurred_at"
		case !seen.user:
			wrong.field = "user_id"
		case !seen.typ:
			wrong.field = "event_type"
		default:
			wrong.code = ""
		}
	}
	if wrong.code != "" {
		d.refuse(wrong.field, wrong.code, wrong.message)
		return nil
	}
	text := d.texts.add(d.text, d.props)
	e.UserID, e.Properties = text[:userLen], text[userLen:]
	index := int32(d.batch.Len())
	if n := len(d.batch.Events); n == cap(d.batch.Events) {
		// Doubling leaves less garbage than append, which grows by a quarter.
		d.batch.Indexes = slices.Grow(d.batch.Indexes, max(n, 1))
		d.batch.Events = slices.Grow(d.batch.Events, max(n, 1))
	}
	d.batch.Indexes = append(d.batch.Indexes, index)
	d.batch.Events = append(d.batch.Events, e)
	return nil
}

// unquote returns the value of a JSON string, valid until the next call. Most
// strings have no escapes and are not copied; some encoders escape even the plus
// sign of a UTC offset.
func (d *decoder) unquote(v jsontext.Value) []byte {
	if bytes.IndexByte(v, '\\') < 0 {
		return v[1 : len(v)-1]
	}
	d.name, _ = jsontext.AppendUnquote(d.name[:0], v) // ReadValue has checked it
	return d.name
}

func (d *decoder) eventID(v jsontext.Value) (id uuid.UUID, code, message string) {
	if v.Kind() == '"' {
		if text := d.unquote(v); len(text) == 36 {
			var err error
			if id, err = uuid.ParseBytes(text); err == nil && id != uuid.Nil {
				return id, "", ""
			}
		}
	}
	return uuid.Nil, "invalid-uuid", "must be a UUID in its 36-character form, not the nil UUID"
}

func (d *decoder) occurredAt(v jsontext.Value) (micros int64, code, message string) {
	if v.Kind() == '"' {
		if t, ok := parseTimestamp(d.unquote(v)); ok {
			switch {
			case t > d.limits.NotAfter.UnixMicro():
				return 0, "timestamp-in-future", "is later than " + d.limits.NotAfter.UTC().Format(time.RFC3339)
			case t < d.limits.NotBefore.UnixMicro():
				return 0, "timestamp-too-early", "is earlier than " + d.limits.NotBefore.UTC().Format(time.RFC3339)
			}
			return t, "", ""
		}
	}
	return 0, "invalid-timestamp", "must be an RFC 3339 date-time such as 2025-08-21T06:52:34+03:00"
}

// maxCodePoints of user_id and event_type.
const maxCodePoints = 200

// userID appends the user's id as text to d.text, which must be empty.
func (d *decoder) userID(v jsontext.Value) (code, message string) {
	switch v.Kind() {
	case '0':
		if bytes.ContainsAny(v, ".eE") {
			return "invalid-field", "a number must be an integer without fraction or exponent"
		}
		if string(v) == "-0" {
			v = v[1:]
		}
		d.text = append(d.text, v...)
	case '"':
		d.text = append(d.text, d.unquote(v)...)
	default:
		return "invalid-field", "must be a string or an integer"
	}
	n := utf8.RuneCount(d.text)
	switch {
	case n == 0 || n > maxCodePoints:
		return "invalid-field", "must have 1 to 200 characters"
	case bytes.IndexByte(d.text, 0) >= 0:
		return "invalid-character", `may not hold \u0000`
	}
	return "", ""
}

func (d *decoder) eventType(v jsontext.Value) (name, code, message string) {
	if v.Kind() != '"' {
		return "", "invalid-field", "must be a string"
	}
	raw := d.unquote(v)
	if known, ok := d.types[string(raw)]; ok {
		return known, "", ""
	}
	n := utf8.RuneCount(raw)
	switch {
	case n == 0 || n > maxCodePoints:
		return "", "invalid-field", "must have 1 to 200 characters"
	case bytes.ContainsFunc(raw, unicode.IsControl):
		return "", "invalid-character", "may not hold control characters"
	}
	name = string(raw)
	d.types[name] = name
	return name, "", ""
}

// classify turns jsontext's errors into a RequestError with the location.
func (d *decoder) classify(err error) error {
	var request *RequestError
	var syntax *jsontext.SyntacticError
	switch {
	case errors.As(err, &request), errors.Is(err, ErrTooManyEvents):
		return err
	case errors.Is(err, ErrEventTooLarge), errors.Is(d.source.err, ErrEventTooLarge):
		return fmt.Errorf("%w, event %d", ErrEventTooLarge, d.batch.Len())
	case d.source.err != nil: // jsontext turns some into syntax errors
		return fmt.Errorf("reading the request: %w", d.source.err)
	case errors.Is(err, io.EOF) && d.json.InputOffset() == 0:
		return &RequestError{Code: "malformed-json", Message: "the body is empty", Malformed: true}
	case errors.As(err, &syntax):
		where := fmt.Sprintf(" (event %d, byte %d)", d.batch.Len(), syntax.ByteOffset)
		switch {
		case errors.Is(err, jsontext.ErrDuplicateName):
			return &RequestError{Code: "duplicate-key", Message: "the same key twice in one object" + where, Malformed: true}
		case strings.Count(string(syntax.JSONPointer), "/") >= maxNesting-1:
			return &RequestError{Code: "too-deep", Message: "values are nested too deep" + where}
		}
		return &RequestError{Code: "malformed-json", Message: "not valid JSON: " + syntax.Err.Error() + where, Malformed: true}
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &RequestError{Code: "malformed-json", Message: fmt.Sprintf("the JSON ends early, in event %d", d.batch.Len()), Malformed: true}
	}
	return fmt.Errorf("reading the request: %w", err)
}

// clip shortens a name from the request before it is shown.
func clip(name []byte) []byte {
	const longest = 64
	if len(name) <= longest {
		return name
	}
	name = name[:longest]
	for len(name) > 0 && !utf8.Valid(name) {
		name = name[:len(name)-1]
	}
	return name
}
