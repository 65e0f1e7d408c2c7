package event

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"
)

// contentVersion is part of every hash. Hashes are kept permanently beside the
// event's id, so their computation may only change with a new version.
const contentVersion = 1

// Content returns a 64-bit hash of everything except the event's id: occurred_at in
// UTC microseconds, user_id as text, event_type, and properties with
// insignificant white space removed (key order and digits kept; absent is null;
// {} differs from both). It distinguishes a resend from a conflict; it never
// decides identity.
func (e *Event) Content() int64 {
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
	writeCompact(&d, e.Properties)
	return int64(d.Sum64())
}

// writeCompact hashes JSON without the white space between its tokens.
func writeCompact(d *xxhash.Digest, json string) {
	start, inString := 0, false
	for i := 0; i < len(json); i++ {
		switch c := json[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case !inString && (c == ' ' || c == '\t' || c == '\n' || c == '\r'):
			_, _ = d.WriteString(json[start:i])
			start = i + 1
		}
	}
	_, _ = d.WriteString(json[start:])
}
