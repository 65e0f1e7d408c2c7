// Package eventid derives the ids of events that come without a UUID, so that the same
// event gets the same id however often, and by whichever way, it arrives.
package eventid

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// root of the projects' namespaces. Ids follow from it permanently.
var root = uuid.MustParse("6c9c1a0e-4f0b-5d2c-9f59-0d0a6f6d5a35")

// version is part of every derived id.
const version = "1"

// Kinds of what an id is derived from.
const (
	KindID      = "id"      // the id that a vendor's SDK gave the event
	KindContent = "content" // the event as a whole
	KindRaw     = "raw"     // the bytes of an event that cannot be read
	KindColumns = "columns" // columns of a file that identify its rows
	KindRow     = "row"     // a row of one file
)

// Space is the namespace of a project's derived ids.
type Space uuid.UUID

// Of returns the namespace of a project; that of 0 is for ids that do not depend on it.
func Of(project int64) Space {
	return Space(uuid.NewSHA1(root, []byte("project "+strconv.FormatInt(project, 10))))
}

// Derive returns the id, a UUID of version 5, of what text identifies among the events
// of a protocol.
func (s Space) Derive(protocol, kind, text string) uuid.UUID {
	return uuid.NewSHA1(uuid.UUID(s), []byte(strings.Join([]string{version, protocol, kind, text}, "\x00")))
}

// Seconds writes a time that identifies an event with others: SDKs and exports of the same
// vendor have the same time in seconds here, in milliseconds there.
func Seconds(at time.Time) string {
	micros, sign := at.UnixMicro(), ""
	if micros < 0 {
		micros, sign = -micros, "-"
	}
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%s%d.%06d", sign, micros/1e6, micros%1e6), "0"), ".")
}

// Nil is the nil UUID as text.
var Nil = uuid.Nil.String()

// Sent reads a UUID in its 36-character form. The nil UUID is none: an SDK that sends it
// sends it always.
func Sent(text string) (uuid.UUID, bool) {
	if len(text) != len(Nil) {
		return uuid.Nil, false
	}
	id, err := uuid.Parse(text)
	return id, err == nil && id != uuid.Nil
}
