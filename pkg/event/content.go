package event

import (
	"encoding/binary"
	"math/bits"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/go-json-experiment/json/jsontext"

	"eventanalytics/pkg/decimal"
)

// contentVersion is part of every hash. Hashes are kept permanently beside the
// event's id, so their computation may only change with a new version. Those of
// version 1 depended on the spelling of properties; the ledger marks them.
const contentVersion = 2

// Content returns a 64-bit hash of everything except the event's id: occurred_at in
// UTC microseconds, user_id as text, event_type, and the JSON value of properties:
// the order of keys, escapes, white space and spellings of one number (10, 10.0,
// 1e1) do not matter. Absent properties are null; {} differs from both. The hash
// distinguishes a resend from a conflict; it never decides identity. An event that has
// Sent returns that.
func (e *Event) Content() int64 {
	if e.Sent != 0 {
		return e.Sent
	}
	var d xxhash.Digest
	d.Reset()
	var head [1 + 8 + 4 + 4]byte
	head[0] = contentVersion
	binary.BigEndian.PutUint64(head[1:], uint64(e.OccurredAt))
	binary.BigEndian.PutUint32(head[9:], uint32(len(e.UserID)))
	binary.BigEndian.PutUint32(head[13:], uint32(len(e.Type)))
	// Digest's writes never fail.
	_, _ = d.Write(head[:])
	_, _ = d.WriteString(e.UserID)
	_, _ = d.WriteString(e.Type)
	if e.Properties != "" {
		w := valueHasher{rest: e.Properties}
		_, _ = d.Write(binary.BigEndian.AppendUint64(head[:0], w.value()))
	}
	return int64(d.Sum64())
}

// Kinds of JSON values, so that 1 and "1" have different hashes.
const (
	hashString = 1 + iota
	hashNumber
	hashLiteral
	hashArray
	hashObject
)

// valueHasher hashes valid JSON.
type valueHasher struct {
	rest    string // that is not read yet
	scratch [maxNumberLength]byte
}

// mix makes one hash of two, in which their order counts.
func mix(a, b uint64) uint64 {
	high, low := bits.Mul64(a^0xa0761d6478bd642f, b^0xe7037ed1a0b428db)
	high, low = bits.Mul64(high^low^0x8ebc6af09c88c6e3, b^0x589965cc75374cc3)
	return high ^ low
}

// next skips white space and returns the byte after it.
func (w *valueHasher) next() byte {
	for w.rest[0] == ' ' || w.rest[0] == '\t' || w.rest[0] == '\n' || w.rest[0] == '\r' {
		w.rest = w.rest[1:]
	}
	return w.rest[0]
}

// ended reads past a comma, or past the byte that ends an object or array.
func (w *valueHasher) ended(end byte) bool {
	switch w.next() {
	case end:
		w.rest = w.rest[1:]
		return true
	case ',':
		w.rest = w.rest[1:]
	}
	return false
}

func (w *valueHasher) value() uint64 {
	switch c := w.next(); c {
	case '{':
		w.rest = w.rest[1:]
		var sum, n uint64 // a sum: the order of members does not count
		for ; !w.ended('}'); n++ {
			w.next()
			name := w.text()
			w.next()
			w.rest = w.rest[1:] // the colon
			sum += mix(name, w.value())
		}
		return mix(mix(hashObject, n), sum)
	case '[':
		w.rest = w.rest[1:]
		h := uint64(hashArray)
		for !w.ended(']') {
			h = mix(h, w.value())
		}
		return mix(hashArray, h)
	case '"':
		return mix(hashString, w.text())
	case 't', 'f', 'n':
		n := len("true")
		if c == 'f' {
			n = len("false")
		}
		w.rest = w.rest[n:]
		return mix(hashLiteral, uint64(c))
	default:
		n := 1
		for n < len(w.rest) && isNumberByte(w.rest[n]) {
			n++
		}
		digits, point, negative := decimal.Digits(w.scratch[:0], w.rest[:n])
		w.rest = w.rest[n:]
		h := mix(hashNumber, uint64(point))
		if negative {
			h = ^h
		}
		return mix(h, xxhash.Sum64(digits))
	}
}

// text hashes a string.
func (w *valueHasher) text() uint64 {
	end := 1 + strings.IndexByte(w.rest[1:], '"')
	if plain := w.rest[1:end]; strings.IndexByte(plain, '\\') < 0 {
		w.rest = w.rest[end+1:]
		return xxhash.Sum64String(plain)
	}
	end = stringEnd(w.rest, 0)
	value, _ := jsontext.AppendUnquote(nil, w.rest[:end]) // it is valid
	w.rest = w.rest[end:]
	return xxhash.Sum64(value)
}
