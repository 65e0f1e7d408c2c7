// Package traits has the rules by which what SDKs say of users and groups makes their
// properties: each change is made of steps, which are taken in the order of the log.
// docs/user-properties.md is the page of it for users; package traitlog keeps all of it in
// Postgres.
package traits

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"eventanalytics/pkg/property"
)

const (
	// MaxProperties is how many properties a user or group may have, those that were removed
	// included.
	MaxProperties = 500
	// MaxValue is how long the JSON of a value may be, in bytes.
	MaxValue = 8 << 10
	// MaxBytes is how long all names and values of a user or group may be together.
	MaxBytes = 32 << 10
	// MaxName is how long the name of a property, the type of a group and an id may be, in
	// characters.
	MaxName = 200
	// MaxSteps is how many steps a change may have.
	MaxSteps = 1_000
	// MaxDepth is how many levels a value may have, as in events.
	MaxDepth = 32
	// MaxNumber is how long a number may be, in bytes, as in events.
	MaxNumber = 128
)

// Kind says whose properties they are.
type Kind string

// The kinds.
const (
	User  Kind = "user"
	Group Kind = "group"
	// Member has the groups of a user: a property for each type, whose value is the key of
	// the group.
	Member Kind = "member"
)

// Subject is whose properties they are.
type Subject struct {
	Kind Kind
	Type string // of a Group, else empty
	ID   string // of the user, key of the group
}

// Possible says whether the subject's names have lengths that they may have.
func (s Subject) Possible() bool {
	return Possible(s.ID) && (s.Kind == Group && Possible(s.Type) || s.Kind != Group && s.Type == "")
}

// Key is the value of a Member's property: the key of a group.
func Key(key string) json.RawMessage { return json.RawMessage(property.OfText(key).JSON()) }

// Possible says whether a name has a length that it may have.
func Possible(name string) bool { return name != "" && utf8.RuneCountInString(name) <= MaxName }

// Do is what a step does.
type Do string

// What steps do. A list is made of a value that is none when something is put into it.
const (
	Set       Do = "set"
	SetOnce   Do = "set_once" // unless the property has a value
	Unset     Do = "unset"
	Add       Do = "add"        // a number to a number; to nothing as to 0
	Append    Do = "append"     // to the end of a list
	Prepend   Do = "prepend"    // to the begin of a list
	Union     Do = "union"      // Append of what the list does not have
	UnionHead Do = "union_head" // Prepend of what the list does not have
	Remove    Do = "remove"     // all elements of a list that are equal
	Clear     Do = "clear"      // unset all
)

// Step changes a property, or for Clear all.
type Step struct {
	Do   Do     `json:"do"`
	Name string `json:"name,omitempty"`
	// Value is JSON without white space. Steps with lists take one element. It is empty, as
	// Name is, where it was beyond a bound.
	Value json.RawMessage `json:"value,omitempty"`
}

// Change of a user's or group's properties.
type Change struct {
	Subject
	Steps []Step
}

// Encode writes steps for the log.
func Encode(steps []Step) (string, error) {
	var b bytes.Buffer
	to := json.NewEncoder(&b)
	to.SetEscapeHTML(false) // values stay as they were sent
	if err := to.Encode(steps); err != nil {
		return "", fmt.Errorf("writing changes of properties: %w", err)
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), nil
}

// Decode reads what Encode wrote.
func Decode(text string) (steps []Step, err error) {
	if err := json.Unmarshal([]byte(text), &steps); err != nil {
		return nil, fmt.Errorf("reading changes of properties: %w", err)
	}
	return steps, nil
}

// Place in the log.
type Place struct {
	Incarnation int32
	XID         uint64
	Seq         int64
}

// Compare orders places; it returns -1, 0 or 1.
func (p Place) Compare(q Place) int {
	return cmp.Or(cmp.Compare(p.Incarnation, q.Incarnation), cmp.Compare(p.XID, q.XID), cmp.Compare(p.Seq, q.Seq))
}

// Property is what operations have made of one. It stays when it is removed: a user whose
// plan was removed has none, whatever their events say.
type Property struct {
	Value string // JSON; empty once it is removed
	// Once says that SetOnce gave it its value, and that nothing has changed it since.
	Once  bool
	Since Place // of the step that made it what it is
}
