package sdk

import (
	"crypto/sha256"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/google/uuid"

	"eventanalytics/services/ingest/sdk/loose"
)

// namespaces is the root of the projects' namespaces. Ids follow from it permanently.
var namespaces = uuid.MustParse("6c9c1a0e-4f0b-5d2c-9f59-0d0a6f6d5a35")

// idVersion is part of every derived id.
const idVersion = "1"

// identities gives the events of one request their ids.
type identities struct {
	protocol  string
	namespace uuid.UUID
	seen      map[[sha256.Size]byte]int // how often each canonical event came
	scratch   []byte
}

func newIdentities(protocol string, project int64) *identities {
	return &identities{
		protocol: protocol, namespace: uuid.NewSHA1(namespaces, []byte("project "+strconv.FormatInt(project, 10))),
		seen: map[[sha256.Size]byte]int{},
	}
}

// of returns an event's id, and a hash of what the client sent, without what differs
// between attempts.
func (i *identities) of(d *Draft, item loose.Value) (id uuid.UUID, content int64) {
	i.scratch = item.Without(d.Volatile...).Canonical(i.scratch[:0])
	content = int64(xxhash.Sum64(i.scratch))
	if content == 0 { // means none
		content = 1
	}
	if sent, ok := asUUID(d.ID); ok && !d.Scoped {
		return sent, content
	}
	if text := d.ID; text != "" && text != nilUUID {
		if d.IDText != "" {
			text = d.IDText
		}
		return i.derive("id", text), content
	}
	if !d.Timed {
		id, _ := uuid.NewV7() // fails only without randomness, as everything would
		return id, content
	}
	sum := sha256.Sum256(i.scratch)
	nth := i.seen[sum]
	i.seen[sum]++
	return i.derive("content", string(i.scratch)+"\x00"+strconv.Itoa(nth)), content
}

func (i *identities) derive(kind, text string) uuid.UUID {
	return uuid.NewSHA1(i.namespace, []byte(strings.Join([]string{idVersion, i.protocol, kind, text}, "\x00")))
}

var nilUUID = uuid.Nil.String()

// asUUID reads a UUID in its 36-character form. The nil UUID is none: an SDK that sends it
// sends it always.
func asUUID(s string) (uuid.UUID, bool) {
	if len(s) != len(nilUUID) {
		return uuid.Nil, false
	}
	id, err := uuid.Parse(s)
	return id, err == nil && id != uuid.Nil
}
