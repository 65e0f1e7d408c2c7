// Package identity has the rules by which the ids of a project's users belong to one
// person: what SDKs and callers claim, in the order of the log, makes links between ids,
// and links make a forest whose roots are the persons. docs/identity.md is the page of it
// for users; package links keeps all of it in Postgres.
package identity

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// MaxID is how long an id may be, in characters.
const MaxID = 200

// Kind of a claim.
type Kind string

// The kinds.
const (
	// Known says that From stood in a field for known users.
	Known Kind = "known"
	// Link says that From is To as well; it is refused when From is known.
	Link Kind = "link"
	// Merge says the same, even if both are known.
	Merge Kind = "merge"
	// Unlink takes the link from From to To back.
	Unlink Kind = "unlink"
)

// Claim is what somebody says of ids of one project.
type Claim struct {
	Kind     Kind
	From, To string // To is empty for Known
	MadeBy   string // a protocol's name, or "api"
}

// Reason for which a link is refused.
type Reason string

// The reasons.
const (
	AlreadyLinked Reason = "already-linked" // the first link of an id wins
	IsKnown       Reason = "known"          // a known id is linked only by a Merge
	Junk          Reason = "junk"           // an id that many share
	Cycle         Reason = "cycle"          // To is of From's person already
	TooMany       Reason = "too-many"       // the project has as many links as it may
)

// Reasons are all of them.
var Reasons = []Reason{AlreadyLinked, IsKnown, Junk, Cycle, TooMany}

// junk are ids that programs send for nobody: linked, they would join everybody.
var junk = []string{
	"", "0", "null", "nil", "none", "undefined", "nan", "true", "false", "anonymous", "anon", "guest", "unknown", "user", "id",
	"distinct_id", "email", "n/a", "[object object]", "00000000-0000-0000-0000-000000000000",
}

// visitor is a hash of day, address and browser: it belongs to everyone behind that address.
var visitor = regexp.MustCompile(`^v:[0-9a-f]{16}$`)

// DevicePrefix is what the ids of devices begin with, where a protocol has devices.
const DevicePrefix = "$device:"

// IsJunk says that an id is never linked, because it does not stand for one person.
func IsJunk(id string) bool {
	id = strings.TrimPrefix(strings.TrimSpace(id), DevicePrefix)
	return slices.Contains(junk, strings.ToLower(strings.TrimSpace(id))) || visitor.MatchString(id)
}

// Possible says whether an id has a length that users' ids may have.
func Possible(id string) bool { return id != "" && utf8.RuneCountInString(id) <= MaxID }
