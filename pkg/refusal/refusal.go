// Package refusal is how domain code says no: what it refuses and why, in words
// meant for the caller, without a word about transport. pkg/platform/problem
// turns refusals into HTTP answers. Every other error is internal.
package refusal

import "time"

// Kind of a refusal, on which its HTTP status depends.
type Kind int

// The kinds.
const (
	Invalid         Kind = iota + 1 // a field breaks a rule
	Unauthenticated                 // the caller's credentials are missing or worth nothing
	Forbidden                       // the caller is known and may not do this
	NotFound                        // there is no such thing, or none the caller may know of
	Conflict                        // the present state does not allow it
	Unavailable                     // it cannot be done at the moment
)

// CodeChanged is the code of refusals of a change to what has another version than the caller
// knows.
const CodeChanged = "changed-since"

// Error is a refusal.
type Error struct {
	Kind   Kind
	Code   string // stable name of the reason, such as "username-taken"
	Field  string // what an Invalid value was given as; empty for other kinds
	Detail string // the reason, for people; of an Invalid value without the field's name
	// RetryAfter says when an Unavailable request may be repeated.
	RetryAfter time.Duration

	cause error
}

// New makes a refusal of any kind but Invalid and Unavailable.
func New(kind Kind, code, detail string) *Error {
	return &Error{Kind: kind, Code: code, Detail: detail}
}

// InvalidField refuses the value of one field.
func InvalidField(code, field, message string) *Error {
	return &Error{Kind: Invalid, Code: code, Field: field, Detail: message}
}

// Later refuses for the moment; cause, which may be nil, is for the log.
func Later(code, detail string, retryAfter time.Duration, cause error) *Error {
	return &Error{Kind: Unavailable, Code: code, Detail: detail, RetryAfter: retryAfter, cause: cause}
}

// Error is for the log: unlike Detail it has the cause.
func (e *Error) Error() string {
	text := e.Code + ": "
	if e.Field != "" {
		text += e.Field + ": "
	}
	text += e.Detail
	if e.cause != nil {
		text += ": " + e.cause.Error()
	}
	return text
}

// Unwrap returns the cause, if any.
func (e *Error) Unwrap() error { return e.cause }
