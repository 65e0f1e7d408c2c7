package outbox

import (
	"encoding/hex"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"eventanalytics/pkg/event"
)

// A payload has one line per event, its fields separated by tabs:
//
//	event_id, occurred_at (µs since 1970 UTC), user_id, event_type, properties
//
// with \\, \t, \n and \r as escapes, like COPY's text format. It is text and
// compressed by Postgres so that the view
// analytics.outbox_events can show it (docs/adr/0002).

var escaper = strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`)

const mustEscape = "\\\t\n\r"

// Rows encodes events of one project, in order, into as few rows as possible.
func Rows(project int64, events iter.Seq[*event.Event]) iter.Seq[NewRow] {
	return func(yield func(NewRow) bool) {
		var b strings.Builder
		n := 0
		for e := range events {
			appendLine(&b, e)
			if n++; n == MaxEvents || b.Len() >= maxPayload {
				if !yield(NewRow{Project: project, Events: n, Payload: b.String()}) {
					return
				}
				size := b.Len()
				b, n = strings.Builder{}, 0
				b.Grow(size + size/8) // the next is about as long as this one
			}
		}
		if n > 0 {
			yield(NewRow{Project: project, Events: n, Payload: b.String()})
		}
	}
}

// Encode writes events as a payload.
func Encode(events []event.Event) string {
	var b strings.Builder
	for i := range events {
		appendLine(&b, &events[i])
	}
	return b.String()
}

func appendLine(b *strings.Builder, e *event.Event) {
	if longest := 128 + len(e.UserID) + len(e.Type) + 2*len(e.Properties); b.Cap()-b.Len() < longest {
		b.Grow(max(b.Cap(), longest)) // append would grow by a quarter and leave more garbage
	}
	var scratch [36]byte
	b.Write(appendUUID(scratch[:0], e.ID))
	b.WriteByte('\t')
	b.Write(strconv.AppendInt(scratch[:0], e.OccurredAt, 10))
	for _, field := range [...]string{e.UserID, e.Type, e.Properties} {
		b.WriteByte('\t')
		if strings.ContainsAny(field, mustEscape) {
			_, _ = escaper.WriteString(b, field) // a Builder never fails
		} else {
			b.WriteString(field)
		}
	}
	b.WriteByte('\n')
}

// appendUUID appends id in its 36-character form; id.String would allocate.
func appendUUID(b []byte, id uuid.UUID) []byte {
	b = append(hex.AppendEncode(b, id[:4]), '-')
	b = append(hex.AppendEncode(b, id[4:6]), '-')
	b = append(hex.AppendEncode(b, id[6:8]), '-')
	b = append(hex.AppendEncode(b, id[8:10]), '-')
	return hex.AppendEncode(b, id[10:])
}

// Decode reads a payload back. The events' strings share the payload's memory.
func Decode(payload string) ([]event.Event, error) {
	events := make([]event.Event, 0, strings.Count(payload, "\n"))
	for line := range strings.Lines(payload) {
		e, err := decodeLine(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return nil, fmt.Errorf("decoding outbox line %d: %w", len(events)+1, err)
		}
		events = append(events, e)
	}
	return events, nil
}

func decodeLine(line string) (event.Event, error) {
	var f [5]string
	for i := range f {
		field, rest, found := strings.Cut(line, "\t")
		if found != (i < len(f)-1) {
			return event.Event{}, fmt.Errorf("expected %d fields", len(f))
		}
		f[i], line = field, rest
	}
	id, err := uuid.Parse(f[0])
	if err != nil {
		return event.Event{}, fmt.Errorf("event_id: %w", err)
	}
	at, err := strconv.ParseInt(f[1], 10, 64)
	if err != nil {
		return event.Event{}, fmt.Errorf("occurred_at: %w", err)
	}
	e := event.Event{ID: id, OccurredAt: at}
	for i, dst := range [...]*string{&e.UserID, &e.Type, &e.Properties} {
		if *dst, err = unescape(f[2+i]); err != nil {
			return event.Event{}, err
		}
	}
	return e, nil
}

func unescape(s string) (string, error) {
	if !strings.Contains(s, `\`) {
		return s, nil
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b = append(b, s[i])
			continue
		}
		i++
		if i == len(s) {
			return "", fmt.Errorf("escape at the end of %q", s)
		}
		switch s[i] {
		case '\\':
			b = append(b, '\\')
		case 't':
			b = append(b, '\t')
		case 'n':
			b = append(b, '\n')
		case 'r':
			b = append(b, '\r')
		default:
			return "", fmt.Errorf("unknown escape \\%c", s[i])
		}
	}
	return string(b), nil
}
