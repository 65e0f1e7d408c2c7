package sdk

import (
	"iter"
	"net/http"
	"net/url"
	"time"

	"eventanalytics/pkg/identity"
	"eventanalytics/pkg/traits"
	"eventanalytics/services/ingest/intake"
	"eventanalytics/services/ingest/sdk/loose"
)

// Protocol is how the SDKs of one vendor, or of several that agree, send events.
type Protocol struct {
	// Name is permanent: the ids of events are derived from it.
	Name   string
	Routes []Route
	// Visitors says that events may name nobody, and are then of the Envelope's Visitor.
	Visitors bool
	// Decode makes a draft of one item. It is called again for what leaves the
	// quarantine.
	Decode func(item loose.Value, env *Envelope) Draft
	// ItemKeys finds the keys that an item names besides those of its request: all must be
	// the same. Nil when items name none.
	ItemKeys func(item loose.Value) Keys
}

// Route of a protocol. Paths are answered with a slash behind them, too.
type Route struct {
	ID, Method, Path     string
	Summary, Description string
	// Keys finds the keys in a request's body, and in places of its query that only this
	// protocol has. Nobody knows yet who sends it: it may neither parse nor keep more than
	// a key is long. An error refuses the request. Nil when the key is in a header or a
	// common place of the query.
	Keys func(r *Request) (Keys, error)
	// Read finds the items of a request, and what is said of all of them. It is called
	// once the caller is known.
	Read func(r *Request) error
	// Answer writes the answer to a request that was stored.
	Answer func(w http.ResponseWriter, d *Done)
	// Refuse writes the answer to one that was not. Headers are set already.
	Refuse func(w http.ResponseWriter, r *RefusalError)
	// Serve answers by itself, in place of all of these: nothing is stored.
	Serve func(w http.ResponseWriter, r *http.Request) error
	// Keyed says of a route with Serve that it asks for a key.
	Keyed bool
	// Own says whether a path that fits is the protocol's. Nil for always.
	Own func(r *http.Request) bool
	// Served is where requests of which Own is true are taken to, for a Path that would fit
	// others' as well. Empty for Path.
	Served string
	// Claims says whether a request is the protocol's where others have the same path. It
	// is asked before the body is read, when Body is empty, and again after.
	Claims func(r *Request) bool
	// Plain leaves the body as it is: it need not be JSON.
	Plain bool
	// WantIDs fills Done.IDs.
	WantIDs bool
}

// Request that is being read.
type Request struct {
	HTTP  *http.Request
	Query url.Values // of the address, and of a form
	Form  bool       // it was one
	// Body is JSON, without what it was wrapped in; for a Plain route, what was sent. Empty
	// when there was none.
	Body []byte

	Envelope Envelope
	// Set by Route.Read.
	Items iter.Seq2[[]byte, error] // JSON of each; an error refuses the request
	Note  any                      // for Route.Answer
}

// One is the only item of a request.
func One(item []byte) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) { yield(item, nil) }
}

// Header returns a header of the request, repaired.
func (r *Request) Header(name string) string { return loose.Clean(r.HTTP.Header.Get(name)) }

// Envelope is what is known of a request beside its items. It is kept with those that go
// into the quarantine.
type Envelope struct {
	Received time.Time `json:"received"`
	Sent     time.Time `json:"sent,omitzero"`     // by the client's clock
	Visitor  string    `json:"visitor,omitempty"` // hash of day, address and browser; of protocols that need it
	IP       string    `json:"ip,omitempty"`      // only with SDK_STORE_IP
	// Shared is what a protocol hands from a request to its items.
	Shared map[string]string `json:"shared,omitempty"`
}

// Share hands a text to the request's items, unless it is empty.
func (e *Envelope) Share(name, text string) {
	if text == "" {
		return
	}
	if e.Shared == nil {
		e.Shared = map[string]string{}
	}
	e.Shared[name] = text
}

// Draft of an event or operation, as a protocol understands an item.
type Draft struct {
	Type             string // the event's name
	Known, Anonymous string // who it is of
	Operation        string // its kind; empty for an event
	OfGroup          bool   // the operation is about a group, which need not name a user

	ID     string // that the SDK sent
	Scoped bool   // ID identifies only together with what else IDText has, even if it is a UUID
	IDText string // what identifies it when ID is no UUID, if that is more than ID
	Timed  bool   // it has a time, so that its JSON identifies it when ID is empty
	// Volatile are the item's members that differ from one attempt to the next.
	Volatile []string

	Time        loose.Value   // the client's
	Sent        loose.Value   // when the client sent it, if the item says so
	Offset      time.Duration // how long before it arrived, where there is no Time
	Uncorrected bool          // Time counts as it is

	Properties loose.Value
	Bad        *Bad // what the protocol itself found wrong

	// Claims of which ids belong together; those with an id that none may have are ignored.
	Claims []identity.Claim
	// Traits are changes of properties; those of a user without an ID are of who the item
	// is of.
	Traits []traits.Change
}

// Bad is why an event goes into the quarantine.
type Bad struct {
	Reason, Message string
	Cut             bool // the item is not all that was sent
}

// Done is a request that was stored.
type Done struct {
	Request *Request
	Result  intake.Result
	Bytes   int               // of the body, decompressed
	Refused []intake.Rejected // into the quarantine
	IDs     []string          // that the items came with, where Route.WantIDs
}

// Cause of a refusal. There are only these: what can never succeed as it is, and what
// should be sent again.
type Cause int

// The causes.
const (
	BadKey     Cause = iota // the key is missing, unknown, or of no use here
	BadOrigin               // the key is not for pages of this origin
	Unreadable              // not JSON, or not of this protocol
	TooLarge                // beyond the limits of a request
	SlowDown                // the caller sends too much
	Away                    // Postgres is away, or there is no room
)

// RefusalError of a whole request: nothing of it is stored.
type RefusalError struct {
	Cause   Cause
	Message string
	Errors  []ItemError // of Unreadable, where the protocol names items
	Request *Request
}

// ItemError is what is wrong with one item.
type ItemError struct {
	Index          int
	Field, Message string
}

func (r *RefusalError) Error() string { return r.Message }

// Unread refuses a request that is not of the protocol.
func Unread(message string) *RefusalError { return &RefusalError{Cause: Unreadable, Message: message} }

// Status of a refusal in HTTP's own words. slow and away are those by which a protocol's
// SDKs know that they should send the same again.
func (r *RefusalError) Status(slow int) int {
	switch r.Cause {
	case BadKey:
		return http.StatusUnauthorized
	case BadOrigin:
		return http.StatusForbidden
	case TooLarge:
		return http.StatusRequestEntityTooLarge
	case SlowDown:
		return slow
	case Away:
		return http.StatusServiceUnavailable
	}
	return http.StatusBadRequest
}
