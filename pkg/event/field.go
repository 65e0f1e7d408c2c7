package event

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
)

// event reads the members of an event whose first name has already been read. Only
// the first mistake of an event is reported; the rest is still read, to check that
// it is JSON.
func (d *decoder) event(name []byte) error {
	var e Event
	var has fields
	var wrong Mistake
	d.user, d.props = d.user[:0], d.props[:0]
	var err error
	for ; name != nil; name, err = d.memberName() {
		if err != nil {
			return err
		}
		f, halved := fieldOf(name), d.halved
		v, err := d.readValue()
		if err != nil {
			return err
		}
		var code, message string
		switch {
		case halved:
			code, message = "invalid-character", notUnicode
		case f == unknown:
			code, message = "unknown-field", "is not a field of an event"
		case has&(1<<f) != 0:
			code, message = "duplicate-key", "is given twice"
		case f >= properties && has&(1<<properties|1<<propertiesJSON) != 0:
			code, message = "ambiguous-field", "give either properties or properties_json"
		default:
			code, message = d.member(&e, f, v)
		}
		if code != "" && wrong.Code == "" {
			wrong = Mistake{f.name(name), code, message}
		}
		has |= 1 << f
	}
	if err != nil {
		return err
	}
	for f := eventID; wrong.Code == "" && f < properties; f++ {
		if has&(1<<f) == 0 {
			wrong = Mistake{f.name(nil), "missing-field", "is required"}
		}
	}
	if wrong.Code != "" {
		d.refuse(wrong)
		return nil
	}
	text := d.texts.add(d.user, d.props)
	e.UserID, e.Properties = text[:len(d.user)], text[len(d.user):]
	d.accept(e)
	return nil
}

// field of an event; fields is a set of them, a bit for each.
type (
	field  uint8
	fields uint8
)

// The fields, those that are required first.
const (
	eventID field = iota
	occurredAt
	userID
	eventType
	properties
	propertiesJSON
	unknown
)

func fieldOf(name []byte) field {
	switch string(name) {
	case "event_id":
		return eventID
	case "occurred_at":
		return occurredAt
	case "user_id":
		return userID
	case "event_type":
		return eventType
	case "properties":
		return properties
	case "properties_json":
		return propertiesJSON
	}
	return unknown
}

// name of a field in mistakes; as sent, when it is unknown.
func (f field) name(sent []byte) string {
	if f == unknown {
		return string(clip(sent))
	}
	return [...]string{"event_id", "occurred_at", "user_id", "event_type", "properties", "properties_json"}[f]
}

// member reads the value of a known field, and applies the field's rule.
func (d *decoder) member(e *Event, f field, v jsontext.Value) (code, message string) {
	switch f {
	case eventID:
		e.ID, code, message = d.eventID(v)
	case occurredAt:
		e.OccurredAt, code, message = d.occurredAt(v)
	case userID:
		code, message = d.userID(v)
	case eventType:
		e.Type, code, message = d.eventType(v)
	default:
		code, message = d.properties(v)
	}
	return code, message
}

// unquote returns the value of a JSON string, valid until the next call; of a lone
// surrogate it makes U+FFFD. Most strings have no escapes and are not copied; some
// encoders escape even the plus sign of a UTC offset.
func (d *decoder) unquote(v jsontext.Value) []byte {
	if bytes.IndexByte(v, '\\') < 0 {
		return v[1 : len(v)-1]
	}
	d.name, _ = jsontext.AppendUnquote(d.name[:0], v) // readValue has checked the rest
	return d.name
}

func (d *decoder) eventID(v jsontext.Value) (id uuid.UUID, code, message string) {
	if v.Kind() == '"' {
		if text := d.unquote(v); len(text) == 36 {
			if id, err := uuid.ParseBytes(text); err == nil {
				code, message = checkID(id)
				return id, code, message
			}
		}
	}
	return uuid.Nil, "invalid-uuid", notAUUID
}

func (d *decoder) occurredAt(v jsontext.Value) (micros int64, code, message string) {
	if v.Kind() == '"' {
		if t, ok := parseTimestamp(d.unquote(v)); ok {
			code, message = d.limits.checkTime(t)
			return t, code, message
		}
	}
	return 0, "invalid-timestamp", "must be an RFC 3339 date-time such as 2025-08-21T06:52:34+03:00"
}

// userID appends the user's id as text to d.user, which must be empty.
func (d *decoder) userID(v jsontext.Value) (code, message string) {
	switch v.Kind() {
	case '0':
		if bytes.ContainsAny(v, ".eE") {
			return "invalid-field", "a number must be an integer without fraction or exponent"
		}
		if string(v) == "-0" {
			v = v[1:]
		}
		d.user = append(d.user, v...)
	case '"':
		if loneSurrogate(v) {
			return "invalid-character", notUnicode
		}
		d.user = append(d.user, d.unquote(v)...)
	default:
		return "invalid-field", "must be a string or an integer"
	}
	return checkUserID(d.user)
}

func (d *decoder) eventType(v jsontext.Value) (name, code, message string) {
	if v.Kind() != '"' {
		return "", "invalid-field", "must be a string"
	}
	if loneSurrogate(v) {
		return "", "invalid-character", notUnicode
	}
	raw := d.unquote(v)
	if valid, ok := d.types[string(raw)]; ok {
		return valid, "", ""
	}
	if code, message = checkType(raw); code != "" {
		return "", code, message
	}
	name = string(raw)
	d.types[name] = name
	return name, "", ""
}

const notAnObject = "must be a JSON object or null"

// properties appends an object, as sent, to d.props, which must be empty.
func (d *decoder) properties(v jsontext.Value) (code, message string) {
	switch v.Kind() {
	case 'n':
		return "", ""
	case '{':
		if code, message = d.names.checkProperties(v); code == "" {
			d.props = append(d.props, v...)
		}
		return code, message
	}
	return "invalid-field", notAnObject
}
