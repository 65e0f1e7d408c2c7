// Package engine has the primitives that questions are answered with. A scan says
// what to find out about a project's events, and an engine finds it out. Engines
// differ in how fast they are and in which scans they serve, never in the result.
//
// A new primitive is a type of scan, a method of Engine, Unsupported and Source,
// and the same method of every engine that can serve it. A new engine embeds
// Unsupported and has the methods that it can serve.
package engine

import (
	"context"
	"errors"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/google/uuid"
)

// ErrUnsupported is returned by an engine that cannot serve a scan.
var ErrUnsupported = errors.New("the engine cannot serve this scan")

// Engine answers scans of one project as of one snapshot. Any of its methods may
// return ErrUnsupported, ErrTooManyRows or ErrTooLarge. Slices are the caller's.
type Engine interface {
	// Name says in the answer what it was computed from.
	Name() string
	Counts(context.Context, Counts) ([]Count, error)
	Users(context.Context, Users) ([]DayUsers, error)
	Values(context.Context, Values) ([]Value, error)
	Cohorts(context.Context, Cohorts) ([]CohortUsers, error)
	Tally(context.Context, Tally) ([]Cell, error)
	Rank(context.Context, Rank) (Ranked, error)
	TopValues(context.Context, TopValues) ([]ValueEvents, error)
	Sessions(context.Context, Sessions) (Sessioned, error)
	Paths(context.Context, Paths) ([]PathLink, error)
	Funnel(context.Context, Funnel) (Funneled, error)
	Latest(context.Context, Latest) ([]Event, error)
	Properties(context.Context, Properties) ([]PropertyEvents, error)
	Profiles(context.Context, Profiles) ([]Profile, error)
	// Profile returns a user, or nil where there is no event.
	Profile(context.Context, OneProfile) (*Known, error)
	Timeline(context.Context, Timeline) ([]Event, error)
	// Doers returns the keys of users.
	Doers(context.Context, Doers) (*roaring.Bitmap, error)
	// Reached returns the keys of users.
	Reached(context.Context, Reached) (*roaring.Bitmap, error)
	IDDays(context.Context, IDDays) ([]DaysOfID, error)
	// Event returns the event with an id, or none.
	Event(context.Context, uuid.UUID) ([]Event, error)
}

// Unsupported serves no scan. Engines embed it for the scans that they cannot serve.
type Unsupported struct{}

// Counts returns ErrUnsupported.
func (Unsupported) Counts(context.Context, Counts) ([]Count, error) { return nil, ErrUnsupported }

// Users returns ErrUnsupported.
func (Unsupported) Users(context.Context, Users) ([]DayUsers, error) { return nil, ErrUnsupported }

// Values returns ErrUnsupported.
func (Unsupported) Values(context.Context, Values) ([]Value, error) { return nil, ErrUnsupported }

// Cohorts returns ErrUnsupported.
func (Unsupported) Cohorts(context.Context, Cohorts) ([]CohortUsers, error) {
	return nil, ErrUnsupported
}

// Tally returns ErrUnsupported.
func (Unsupported) Tally(context.Context, Tally) ([]Cell, error) { return nil, ErrUnsupported }

// Rank returns ErrUnsupported.
func (Unsupported) Rank(context.Context, Rank) (Ranked, error) { return Ranked{}, ErrUnsupported }

// TopValues returns ErrUnsupported.
func (Unsupported) TopValues(context.Context, TopValues) ([]ValueEvents, error) {
	return nil, ErrUnsupported
}

// Sessions returns ErrUnsupported.
func (Unsupported) Sessions(context.Context, Sessions) (Sessioned, error) {
	return Sessioned{}, ErrUnsupported
}

// Paths returns ErrUnsupported.
func (Unsupported) Paths(context.Context, Paths) ([]PathLink, error) { return nil, ErrUnsupported }

// Funnel returns ErrUnsupported.
func (Unsupported) Funnel(context.Context, Funnel) (Funneled, error) {
	return Funneled{}, ErrUnsupported
}

// Latest returns ErrUnsupported.
func (Unsupported) Latest(context.Context, Latest) ([]Event, error) { return nil, ErrUnsupported }

// Properties returns ErrUnsupported.
func (Unsupported) Properties(context.Context, Properties) ([]PropertyEvents, error) {
	return nil, ErrUnsupported
}

// Profiles returns ErrUnsupported.
func (Unsupported) Profiles(context.Context, Profiles) ([]Profile, error) { return nil, ErrUnsupported }

// Profile returns ErrUnsupported.
func (Unsupported) Profile(context.Context, OneProfile) (*Known, error) { return nil, ErrUnsupported }

// Timeline returns ErrUnsupported.
func (Unsupported) Timeline(context.Context, Timeline) ([]Event, error) { return nil, ErrUnsupported }

// Doers returns ErrUnsupported.
func (Unsupported) Doers(context.Context, Doers) (*roaring.Bitmap, error) {
	return nil, ErrUnsupported
}

// Reached returns ErrUnsupported.
func (Unsupported) Reached(context.Context, Reached) (*roaring.Bitmap, error) {
	return nil, ErrUnsupported
}

// IDDays returns ErrUnsupported.
func (Unsupported) IDDays(context.Context, IDDays) ([]DaysOfID, error) { return nil, ErrUnsupported }

// Event returns ErrUnsupported.
func (Unsupported) Event(context.Context, uuid.UUID) ([]Event, error) { return nil, ErrUnsupported }
