package engine

import (
	"context"
	"errors"

	"github.com/RoaringBitmap/roaring/v2"

	"eventanalytics/pkg/syntax"
)

var (
	// ErrNoKeys is returned for a set of users of a project with events whose users have
	// no keys yet: those of workers of the first release, until they are upgraded.
	ErrNoKeys = errors.New("some of the project's users have no keys yet")
	// ErrNoEnd is returned for what users did lately, where nothing says until when.
	ErrNoEnd = errors.New("the question has no range before whose end to look")
	// ErrTimeout is returned when finding out what users did takes too long.
	ErrTimeout = errors.New("finding the users of a filter takes too long")
)

// Doers asks for the users with a number of events in the time [Since, Until), in
// microseconds since 1970 UTC. Both may be the bounds of int64.
type Doers struct {
	Scope // what fields of users look at ends with Until; Asked is nil
	Since int64
	Until int64
	Types []string // of which an event has one; empty: all
	// First is only each user's first event of all time before Until that fits.
	First bool
	// Times is how many events a user has: with Exactly no more, else at least so many. It
	// is at least 1.
	Times   int
	Exactly bool
}

// Cohort is a named set of users: those for whom a filter holds, whose conditions are all
// on users, at the end of a question's range; or a list of them.
type Cohort struct {
	// Key tells it from all others, and from what it was before it was changed.
	Key    string
	Filter syntax.Filter
	// Users returns the keys of a list; nil where it is the filter. They must not be
	// changed.
	Users func(context.Context) (*roaring.Bitmap, error)
}
