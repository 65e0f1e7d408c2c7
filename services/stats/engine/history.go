package engine

import (
	"context"

	"eventanalytics/pkg/calendar"
)

// History tells who was whom in a project. Positions are tokens, "" for that of the
// question's data; the errors are for clients.
type History interface {
	// AsOf returns a source over the same events in which users are the persons that they
	// were at a position, which a parameter gives.
	AsOf(ctx context.Context, parameter, position string) (*Source, error)
	// Changes returns the first changes after a position up to another, at most most.
	Changes(ctx context.Context, since, until string, most int) ([]Change, error)
}

// Change is a link between two ids that was made or taken back: Of and With are the keys
// of the two persons who are one with it.
type Change struct {
	Position         string
	From, To, MadeBy string
	TakenBack        bool
	Of, With         []uint32
}

// IDDays asks on which local dates some ids had events: ids as they were sent, not the
// persons that they are of. Keys are ascending.
type IDDays struct {
	Zone *calendar.Zone
	Keys []uint32
}

// DaysOfID is when an id had events. They come by key, without ids that had none.
type DaysOfID struct {
	Key   uint32
	Dates []calendar.Date // ascending
	First int64           // in microseconds since 1970 UTC
}

// IDDays serves a scan.
func (s *Source) IDDays(ctx context.Context, d IDDays) ([]DaysOfID, error) {
	return serve(ctx, s, func(e Engine) ([]DaysOfID, error) { return e.IDDays(ctx, d) })
}
