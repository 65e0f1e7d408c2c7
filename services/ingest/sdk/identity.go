package sdk

import (
	"crypto/sha256"
	"strconv"

	"github.com/cespare/xxhash/v2"
	"github.com/google/uuid"

	"eventanalytics/pkg/eventid"
	"eventanalytics/services/ingest/sdk/loose"
)

// identities gives the events of one request their ids.
type identities struct {
	protocol string
	space    eventid.Space
	seen     map[[sha256.Size]byte]int // how often each text came
	scratch  []byte
}

// usualEvent has room for most events, in bytes.
const usualEvent = 512

func newIdentities(protocol string, project int64) *identities {
	return &identities{
		protocol: protocol, space: eventid.Of(project), seen: map[[sha256.Size]byte]int{}, scratch: make([]byte, 0, usualEvent),
	}
}

// of returns an event's id, and a hash of what the client sent, without what differs
// between attempts.
func (i *identities) of(d *Draft, item loose.Value) (id uuid.UUID, content int64) {
	i.scratch = item.Canonical(i.scratch[:0], d.Volatile...)
	content = int64(xxhash.Sum64(i.scratch))
	if content == 0 { // means none
		content = 1
	}
	if sent, ok := eventid.Sent(d.ID); ok && !d.Scoped {
		return sent, content
	}
	if text := d.ID; text != "" && (d.Scoped || text != eventid.Nil) {
		if d.IDText != "" {
			text = d.IDText
		}
		return i.derive(eventid.KindID, text), content
	}
	if !d.Timed {
		id, _ := uuid.NewV7() // fails only without randomness, as everything would
		return id, content
	}
	return i.derive(eventid.KindContent, string(i.scratch)+"\x00"+i.nth(i.scratch)), content
}

// ofRaw identifies an item that is not read.
func (i *identities) ofRaw(raw []byte) uuid.UUID {
	sum := sha256.Sum256(raw)
	return i.derive(eventid.KindRaw, string(sum[:])+i.nth(raw))
}

// nth counts equal texts, from 0.
func (i *identities) nth(text []byte) string {
	sum := sha256.Sum256(text)
	n := i.seen[sum]
	i.seen[sum]++
	return strconv.Itoa(n)
}

func (i *identities) derive(kind, text string) uuid.UUID {
	return i.space.Derive(i.protocol, kind, text)
}
