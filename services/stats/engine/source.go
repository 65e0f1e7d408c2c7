package engine

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
)

// Source has each scan served by the first of some engines that can. It is for one
// question, in one goroutine.
type Source struct {
	// Now is the time of the question.
	Now time.Time
	// CompleteUntil says that every event acknowledged before it is read.
	CompleteUntil time.Time

	engines []Engine
	served  int // the last of the engines that served a scan
}

// NewSource makes a source of one or more engines over the same events, the fastest
// first.
func NewSource(now, completeUntil time.Time, engines ...Engine) *Source {
	return &Source{Now: now, CompleteUntil: completeUntil, engines: engines}
}

// Name is that of the engine that served the scans so far: of several, the last in
// the order of NewSource.
func (s *Source) Name() string { return s.engines[s.served].Name() }

func serve[T any](s *Source, scan func(Engine) (T, error)) (result T, err error) {
	for i, e := range s.engines {
		result, err = scan(e)
		if !errors.Is(err, ErrUnsupported) {
			s.served = max(s.served, i)
			return result, err
		}
	}
	return result, ErrUnsupported
}

// Counts serves a scan.
func (s *Source) Counts(ctx context.Context, c Counts) ([]Count, error) {
	return serve(s, func(e Engine) ([]Count, error) { return e.Counts(ctx, c) })
}

// Users serves a scan.
func (s *Source) Users(ctx context.Context, u Users) ([]DayUsers, error) {
	return serve(s, func(e Engine) ([]DayUsers, error) { return e.Users(ctx, u) })
}

// Values serves a scan.
func (s *Source) Values(ctx context.Context, v Values) ([]Value, error) {
	return serve(s, func(e Engine) ([]Value, error) { return e.Values(ctx, v) })
}

// Cohorts serves a scan.
func (s *Source) Cohorts(ctx context.Context, c Cohorts) ([]CohortUsers, error) {
	return serve(s, func(e Engine) ([]CohortUsers, error) { return e.Cohorts(ctx, c) })
}

// Tally serves a scan.
func (s *Source) Tally(ctx context.Context, t Tally) ([]Cell, error) {
	return serve(s, func(e Engine) ([]Cell, error) { return e.Tally(ctx, t) })
}

// Rank serves a scan.
func (s *Source) Rank(ctx context.Context, r Rank) (Ranked, error) {
	return serve(s, func(e Engine) (Ranked, error) { return e.Rank(ctx, r) })
}

// TopValues serves a scan.
func (s *Source) TopValues(ctx context.Context, v TopValues) ([]ValueEvents, error) {
	return serve(s, func(e Engine) ([]ValueEvents, error) { return e.TopValues(ctx, v) })
}

// Sessions serves a scan.
func (s *Source) Sessions(ctx context.Context, q Sessions) (Sessioned, error) {
	return serve(s, func(e Engine) (Sessioned, error) { return e.Sessions(ctx, q) })
}

// Paths serves a scan.
func (s *Source) Paths(ctx context.Context, p Paths) ([]PathLink, error) {
	return serve(s, func(e Engine) ([]PathLink, error) { return e.Paths(ctx, p) })
}

// Funnel serves a scan.
func (s *Source) Funnel(ctx context.Context, f Funnel) (Funneled, error) {
	return serve(s, func(e Engine) (Funneled, error) { return e.Funnel(ctx, f) })
}

// Latest serves a scan.
func (s *Source) Latest(ctx context.Context, l Latest) ([]Event, error) {
	return serve(s, func(e Engine) ([]Event, error) { return e.Latest(ctx, l) })
}

// Properties serves a scan.
func (s *Source) Properties(ctx context.Context, p Properties) ([]PropertyEvents, error) {
	return serve(s, func(e Engine) ([]PropertyEvents, error) { return e.Properties(ctx, p) })
}

// Profiles serves a scan.
func (s *Source) Profiles(ctx context.Context, p Profiles) ([]Profile, error) {
	return serve(s, func(e Engine) ([]Profile, error) { return e.Profiles(ctx, p) })
}

// Profile returns a user, or nil where there is no event.
func (s *Source) Profile(ctx context.Context, p OneProfile) (*Known, error) {
	return serve(s, func(e Engine) (*Known, error) { return e.Profile(ctx, p) })
}

// Timeline serves a scan.
func (s *Source) Timeline(ctx context.Context, t Timeline) ([]Event, error) {
	return serve(s, func(e Engine) ([]Event, error) { return e.Timeline(ctx, t) })
}

// Event returns the event with an id, or none.
func (s *Source) Event(ctx context.Context, id uuid.UUID) ([]Event, error) {
	return serve(s, func(e Engine) ([]Event, error) { return e.Event(ctx, id) })
}
