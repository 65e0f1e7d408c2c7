package engine

import (
	"context"
	"math"

	"github.com/google/uuid"

	"eventanalytics/pkg/syntax"
)

// Orders of Profiles. Times and numbers of events descend, ids ascend; of equal users the
// one with the lesser id is first, by code points.
const (
	ByLastSeen  = "last_seen"
	ByFirstSeen = "first_seen"
	ByEvents    = "events"
	ByUserID    = "user_id"
)

// Profiles asks for users as they are at the end of a range: for those with an event in
// it for which the scope's filter holds.
type Profiles struct {
	Scope
	Range                   // from FirstDate: all time
	Fields   []syntax.Field // of users: user.… and first.…
	Contains string         // what their id has in it, in upper or lower case; empty: any
	Sort     string
	After    *ProfilePlace // those that come behind it; nil: all
	Limit    int           // at least 1
	// Names tells the ids that persons with several go by, by key; nil: there are none.
	Names func(context.Context) (map[uint32]string, error)
}

// ProfilePlace is the place of a user in the order of Profiles.
type ProfilePlace struct {
	Number int64 // what the order goes by; 0 where that is the id
	UserID string
}

// Profile is a user, as known from all events before the end of a range.
type Profile struct {
	UserID      string
	First, Last int64 // of the events, in microseconds since 1970 UTC
	Events      int64
	Fields      []Text // those of Profiles
}

// Place is the user's place in an order.
func (p Profile) Place(sort string) ProfilePlace {
	switch sort {
	case ByLastSeen:
		return ProfilePlace{p.Last, p.UserID}
	case ByFirstSeen:
		return ProfilePlace{p.First, p.UserID}
	case ByEvents:
		return ProfilePlace{p.Events, p.UserID}
	}
	return ProfilePlace{UserID: p.UserID}
}

// OneProfile asks for a user.
type OneProfile struct {
	UserID string
	Keys   []uint32 // of a person with several ids, that of the root first; else none
	Before int64    // instant that ends the history, in microseconds since 1970 UTC
}

// Known is a user with their properties, in the JSON that was sent: as operations say them
// now or, what none ever said, as of the last event that has it.
type Known struct {
	Profile
	IDs        []string // as Person has them
	Properties map[string]string
	// Groups are the keys of the user's groups, by type, in JSON.
	Groups map[string]string
}

// Timeline asks for the events of a user for which the scope's filter holds, in their
// order, the last one first.
type Timeline struct {
	Scope
	UserID string
	Keys   []uint32   // as of OneProfile
	After  *uuid.UUID // those that come behind this one of them; nil: all
	Limit  int        // at least 1
}

// RowPlace is where an event is: in the row of the Parquet file of a segment, which is given
// by its index among all of the project's, in the order of their ids.
type RowPlace struct {
	File int
	Row  uint32
	Us   int64 // occurred_at, or AnyTime
	// Type and UserID are the event's, or empty where they are not known.
	Type, UserID string
}

// AnyTime is the occurred_at of an event's place of which it is not known.
const AnyTime = math.MinInt64
