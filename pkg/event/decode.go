package event

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Limits bound the content of a request.
type Limits struct {
	MaxEvents int       // maximum events per request
	NotBefore time.Time // earliest occurred_at, inclusive
	NotAfter  time.Time // latest occurred_at, inclusive
}

// Invalid says why an event was rejected.
type Invalid struct {
	Index int // of the event in the request, from 0
	Mistake
}

// MaxKept is how many invalid events of a request are kept. The others are counted:
// 250,000 of them fit into 500 KB of body, and took 80 MB when each was kept.
const MaxKept = 100

// Batch is a decoded request: its valid events in request order, and what is wrong
// with the others.
type Batch struct {
	Events   []Event
	Indexes  []int32   // of each of the Events in the request
	Invalid  []Invalid // the first MaxKept of those that were rejected
	Rejected int       // how many events are invalid, kept or not
	// Code of the mistake that all invalid events have in common; empty when they
	// have none.
	Code string
}

// Len is the number of events in the request.
func (b *Batch) Len() int { return len(b.Events) + b.Rejected }

// Reject counts the request's next event as invalid, and keeps why if it is one of
// the first.
func (b *Batch) Reject(m Mistake) {
	switch {
	case b.Rejected == 0:
		b.Code = m.Code
	case b.Code != m.Code:
		b.Code = ""
	}
	if len(b.Invalid) < MaxKept {
		b.Invalid = append(b.Invalid, Invalid{b.Len(), m})
	}
	b.Rejected++
}

// RequestError rejects a request as a whole: no part of it may be stored.
type RequestError struct {
	Code      string
	Message   string
	Malformed bool // not JSON, as opposed to JSON of the wrong shape
	Event     *int // index of the event that it was found in, if it was in one
}

func (e *RequestError) Error() string { return e.Message }

// ErrTooManyEvents is returned for a request over Limits.MaxEvents.
var ErrTooManyEvents = errors.New("too many events in one request")

// ErrEventTooLarge is returned for an event of more than 1 MiB.
var ErrEventTooLarge = errors.New("an event has more than 1 MiB")

// maxNesting is the depth at which jsontext gives up.
const maxNesting = 10_000

// Decode reads a request body: an array of events, one event, {"events": […]},
// or, with ndjson, one event after the other. What leaves no doubt where an event
// ends rejects that event alone. What is not JSON, as invalid UTF-8 and trailing
// data are not, rejects the whole request with a *RequestError. Errors of r are
// returned wrapped.
//
// It applies the rules of Validate to each field as it reads it, so that the
// mistake it reports of an event is the first one in the order of its members.
// Only Decode can find what is wrong with how an event is written: not-an-object,
// unknown-field, duplicate-key and ambiguous-field for members, missing-field,
// invalid-field for JSON of the wrong kind, and invalid-uuid and invalid-timestamp
// for text that is neither.
func Decode(r io.Reader, ndjson bool, limits Limits) (*Batch, error) {
	d := decoders.Get().(*decoder)
	defer d.free()
	d.limits, d.source = limits, bounded{r: r, json: d.json}
	d.json.Reset(&d.source, lenient)
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

// lenient lets the decoder go on after what rejects only one event: readValue and
// the rules of the fields find it.
var lenient = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// decoders reuses what decoding a request would otherwise allocate each time: most
// requests are small.
var decoders = sync.Pool{New: func() any {
	return &decoder{json: jsontext.NewDecoder(strings.NewReader("")), types: map[string]string{}}
}}

// free returns d to the pool, without references to the request.
func (d *decoder) free() {
	clear(d.types)
	d.names.clear()
	d.batch, d.texts, d.source = nil, texts{}, bounded{}
	decoders.Put(d)
}

type decoder struct {
	json   *jsontext.Decoder
	source bounded
	limits Limits
	batch  *Batch
	start  int64             // where the current event begins, in bytes of the body
	types  map[string]string // valid event types seen, interned
	user   []byte            // user_id of the current event
	props  []byte            // its properties, as user_id may come after them
	name   []byte            // scratch for a name or an unescaped string
	halved bool              // the last member's name has a lone surrogate
	names  names             // scratch for the keys of its properties
	texts  texts
}

func (d *decoder) lines() error {
	for {
		switch d.json.PeekKind() {
		case 0: // the end, or an error that the next read returns
			_, err := d.json.ReadToken()
			if err == io.EOF && d.source.offset() > 0 { //nolint:errorlint // jsontext returns it bare
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
		if _, err := d.readValue(); err != nil {
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
	if string(other) == "events" {
		return &RequestError{Code: "duplicate-key", Message: "events: the same key twice in one object", Malformed: true}
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
	d.start = d.source.offset()
	if d.json.PeekKind() != '{' {
		if _, err := d.readValue(); err != nil {
			return err
		}
		d.refuse(Mistake{"", "not-an-object", "an event must be a JSON object"})
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
	if d.source.offset()-d.start > maxEventBytes {
		return nil, ErrEventTooLarge
	}
	v, err := d.readValue()
	if err != nil {
		return nil, err
	}
	d.halved = loneSurrogate(v)
	d.name, _ = jsontext.AppendUnquote(append(d.name[:0], 0)[:0], v) // readValue has checked the rest
	return d.name, nil
}

// readValue reads the next value. It is valid JSON, except that its strings may have
// lone surrogates and its objects the same key twice.
func (d *decoder) readValue() (jsontext.Value, error) {
	v, err := d.json.ReadValue()
	if err != nil {
		if tooDeep(err) {
			v, err = d.readDeep()
		}
		if err != nil {
			return nil, err
		}
	}
	if !utf8.Valid(v) {
		at := d.source.offset() - int64(len(v))
		for rest := v; ; {
			r, n := utf8.DecodeRune(rest)
			if r == utf8.RuneError && n == 1 {
				return nil, d.malformed("not valid JSON: invalid UTF-8", at)
			}
			rest, at = rest[n:], at+int64(n)
		}
	}
	return v, nil
}

// tooDeep says whether err is that jsontext gave up on nested values.
func tooDeep(err error) bool {
	var syntax *jsontext.SyntacticError
	return errors.As(err, &syntax) && strings.Count(string(syntax.JSONPointer), "/") >= maxNesting-1
}

// malformed is the error of a body that is not JSON, found at a byte of it.
func (d *decoder) malformed(message string, at int64) *RequestError {
	index := d.batch.Len()
	return &RequestError{
		Code: "malformed-json", Message: fmt.Sprintf("%s (event %d, byte %d)", message, index, at), Malformed: true, Event: &index,
	}
}

func (d *decoder) refuse(m Mistake) { d.batch.Reject(m) }

func (d *decoder) accept(e Event) {
	index := int32(d.batch.Len())
	if n := len(d.batch.Events); n == cap(d.batch.Events) {
		// Doubling leaves less garbage than append, which grows by a quarter.
		d.batch.Indexes = slices.Grow(d.batch.Indexes, max(n, 1))
		d.batch.Events = slices.Grow(d.batch.Events, max(n, 1))
	}
	d.batch.Indexes = append(d.batch.Indexes, index)
	d.batch.Events = append(d.batch.Events, e)
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
	case errors.Is(err, io.EOF) && d.source.offset() == 0:
		return &RequestError{Code: "malformed-json", Message: "the body is empty", Malformed: true}
	case errors.As(err, &syntax):
		return d.malformed("not valid JSON: "+syntax.Err.Error(), syntax.ByteOffset+d.source.base)
	case errors.Is(err, io.ErrUnexpectedEOF):
		index := d.batch.Len()
		return &RequestError{Code: "malformed-json", Message: fmt.Sprintf("the JSON ends early, in event %d", index), Malformed: true, Event: &index}
	}
	return fmt.Errorf("reading the request: %w", err)
}

// clip shortens a name from the request before it is shown.
func clip(name []byte) []byte {
	const maximum = 64
	if len(name) <= maximum {
		return name
	}
	name = name[:maximum]
	for len(name) > 0 && !utf8.Valid(name) {
		name = name[:len(name)-1]
	}
	return name
}
