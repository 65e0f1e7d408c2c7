package engine

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"eventanalytics/pkg/syntax"
)

// Source has each scan served by the first of some engines that can. It is for one
// question, in one goroutine.
type Source struct {
	// Now is the time of the question.
	Now time.Time
	// CompleteUntil says that every event acknowledged before it is read.
	CompleteUntil time.Time

	// Project and Data are whose events they are, and in which version, that of its persons
	// included: sets of users are kept by them.
	Project int64
	Data    string
	// Named are the cohorts that the question names, by name, and those that these name.
	Named map[string]Cohort
	// Kept are sets of users found before; nil keeps none.
	Kept *Sets
	// People are the project's; nil: each id is a person of its own.
	People People
	// History tells who was whom before.
	History History
	// Traits tells what operations say of users; nil: nothing.
	Traits Traits
	// Timeout bounds how long the sets of one scan are looked for; 0 does not.
	Timeout time.Duration

	operations Operations // that were read so far

	engines []Engine
	served  int // the last of the engines that served a scan
}

// NewSource makes a source of one or more engines over the same events, the fastest
// first.
func NewSource(now, completeUntil time.Time, engines ...Engine) *Source {
	return &Source{Now: now, CompleteUntil: completeUntil, engines: engines}
}

// Late is an engine with a name that open makes for the first scan that no engine before it
// serves; nil serves no scan, until it is asked again.
func Late(name string, open func(context.Context) Engine) Engine {
	return &late{name: name, open: open}
}

type late struct {
	Unsupported
	name string
	open func(context.Context) Engine
}

// Name is that of the engine that open makes.
func (l *late) Name() string { return l.name }

// Name is that of the engine that served the scans so far: of several, the last in
// the order of NewSource.
func (s *Source) Name() string { return s.engines[s.served].Name() }

func serve[T any](ctx context.Context, s *Source, scan func(Engine) (T, error)) (result T, err error) {
	for i, e := range s.engines {
		if l, ok := e.(*late); ok {
			if e = l.open(ctx); e == nil {
				continue
			}
			s.engines[i] = e
		}
		err = accountOf(ctx).scan(ctx, func() (err error) {
			result, err = scan(e)
			return err
		})
		if !errors.Is(err, ErrUnsupported) {
			s.served = max(s.served, i)
			return result, err
		}
	}
	return result, ErrUnsupported
}

// Counts serves a scan.
func (s *Source) Counts(ctx context.Context, c Counts) ([]Count, error) {
	if err := s.resolve(ctx, &c.Scope, &c.Range, nil, &c.Filter); err != nil {
		return nil, err
	}
	return serve(ctx, s, func(e Engine) ([]Count, error) { return e.Counts(ctx, c) })
}

// Users serves a scan.
func (s *Source) Users(ctx context.Context, u Users) ([]DayUsers, error) {
	if err := s.resolve(ctx, &u.Scope, &u.Range, nil, &u.Filter); err != nil {
		return nil, err
	}
	return serve(ctx, s, func(e Engine) ([]DayUsers, error) { return e.Users(ctx, u) })
}

// Values serves a scan.
func (s *Source) Values(ctx context.Context, v Values) ([]Value, error) {
	if err := s.resolve(ctx, &v.Scope, nil, nil, &v.Filter); err != nil {
		return nil, err
	}
	return serve(ctx, s, func(e Engine) ([]Value, error) { return e.Values(ctx, v) })
}

// Cohorts serves a scan.
func (s *Source) Cohorts(ctx context.Context, c Cohorts) ([]CohortUsers, error) {
	if err := s.resolve(ctx, &c.Scope, &c.Range, fieldsOf(c.Breakdown), &c.Filter, &c.ReturningFilter); err != nil {
		return nil, err
	}
	return serve(ctx, s, func(e Engine) ([]CohortUsers, error) { return e.Cohorts(ctx, c) })
}

// Tally serves a scan.
func (s *Source) Tally(ctx context.Context, t Tally) ([]Cell, error) {
	fields := append(fieldsOf(t.Breakdown), t.Unit, t.Field)
	if err := s.resolve(ctx, &t.Scope, &t.Range, fields, &t.Scope.Filter, &t.Series.Filter); err != nil {
		return nil, err
	}
	return serve(ctx, s, func(e Engine) ([]Cell, error) { return e.Tally(ctx, t) })
}

// Rank serves a scan.
func (s *Source) Rank(ctx context.Context, r Rank) (Ranked, error) {
	fields, filters := append(fieldsOf(r.Breakdown), r.Measure.Field), []*syntax.Filter{&r.Filter}
	r.Series = slices.Clone(r.Series)
	for i := range r.Series {
		fields, filters = append(fields, r.Series[i].Unit), append(filters, &r.Series[i].Filter)
	}
	if err := s.resolve(ctx, &r.Scope, &r.Range, fields, filters...); err != nil {
		return Ranked{}, err
	}
	return serve(ctx, s, func(e Engine) (Ranked, error) { return e.Rank(ctx, r) })
}

// TopValues serves a scan.
func (s *Source) TopValues(ctx context.Context, v TopValues) ([]ValueEvents, error) {
	if err := s.resolve(ctx, &v.Scope, &v.Range, []syntax.Field{v.Field, v.Unit}, &v.Scope.Filter, &v.Series.Filter); err != nil {
		return nil, err
	}
	return serve(ctx, s, func(e Engine) ([]ValueEvents, error) { return e.TopValues(ctx, v) })
}

// Sessions serves a scan.
func (s *Source) Sessions(ctx context.Context, q Sessions) (Sessioned, error) {
	fields := append(fieldsOf(q.Breakdown), q.Unit)
	if err := s.resolve(ctx, &q.Scope, &q.Range, fields, &q.Filter); err != nil {
		return Sessioned{}, err
	}
	return serve(ctx, s, func(e Engine) (Sessioned, error) { return e.Sessions(ctx, q) })
}

// Paths serves a scan.
func (s *Source) Paths(ctx context.Context, p Paths) ([]PathLink, error) {
	filters := []*syntax.Filter{&p.Filter}
	for _, series := range []**Series{&p.Start, &p.End} {
		if *series != nil {
			own := **series
			*series, filters = &own, append(filters, &own.Filter)
		}
	}
	if err := s.resolve(ctx, &p.Scope, &p.Range, []syntax.Field{p.Node, p.Unit}, filters...); err != nil {
		return nil, err
	}
	return serve(ctx, s, func(e Engine) ([]PathLink, error) { return e.Paths(ctx, p) })
}

// Funnel serves a scan.
func (s *Source) Funnel(ctx context.Context, f Funnel) (Funneled, error) {
	filters := []*syntax.Filter{&f.Filter}
	f.Steps, f.Exclude = slices.Clone(f.Steps), slices.Clone(f.Exclude)
	for i := range f.Steps {
		filters = append(filters, &f.Steps[i].Filter)
	}
	for i := range f.Exclude {
		filters = append(filters, &f.Exclude[i].Filter)
	}
	if err := s.resolve(ctx, &f.Scope, &f.Range, append(fieldsOf(f.Breakdown), f.Unit), filters...); err != nil {
		return Funneled{}, err
	}
	return serve(ctx, s, func(e Engine) (Funneled, error) { return e.Funnel(ctx, f) })
}

// Latest serves a scan.
func (s *Source) Latest(ctx context.Context, l Latest) ([]Event, error) {
	if err := s.resolve(ctx, &l.Scope, nil, nil, &l.Filter); err != nil {
		return nil, err
	}
	return serve(ctx, s, func(e Engine) ([]Event, error) { return e.Latest(ctx, l) })
}

// Properties serves a scan.
func (s *Source) Properties(ctx context.Context, p Properties) ([]PropertyEvents, error) {
	if err := s.resolve(ctx, &p.Scope, &p.Range, nil, &p.Filter); err != nil {
		return nil, err
	}
	return serve(ctx, s, func(e Engine) ([]PropertyEvents, error) { return e.Properties(ctx, p) })
}

// Profiles serves a scan.
func (s *Source) Profiles(ctx context.Context, p Profiles) ([]Profile, error) {
	if err := s.resolve(ctx, &p.Scope, &p.Range, p.Fields, &p.Filter); err != nil {
		return nil, err
	}
	if s.People != nil {
		p.Names = s.People.Names
	}
	return serve(ctx, s, func(e Engine) ([]Profile, error) { return e.Profiles(ctx, p) })
}

// Profile returns a user, or nil where there is no event. Any id of a person is asked about
// the person, whose user_id is the root's.
func (s *Source) Profile(ctx context.Context, p OneProfile) (*Known, error) {
	person, err := s.person(ctx, p.UserID)
	if err != nil {
		return nil, err
	}
	ids := []string{p.UserID}
	if person != nil {
		ids, p.Keys = person.IDs, person.Keys
	}
	known, err := serve(ctx, s, func(e Engine) (*Known, error) { return e.Profile(ctx, p) })
	if known == nil || err != nil {
		return nil, err
	}
	known.UserID, known.IDs = ids[0], ids
	return known, s.tell(ctx, known)
}

// Timeline serves a scan.
func (s *Source) Timeline(ctx context.Context, t Timeline) ([]Event, error) {
	if err := s.resolve(ctx, &t.Scope, nil, nil, &t.Filter); err != nil {
		return nil, err
	}
	person, err := s.person(ctx, t.UserID)
	if err != nil {
		return nil, err
	}
	if person != nil {
		t.Keys = person.Keys
	}
	return serve(ctx, s, func(e Engine) ([]Event, error) { return e.Timeline(ctx, t) })
}

// fieldsOf are those of a breakdown.
func fieldsOf(breakdown []syntax.Breakdown) []syntax.Field {
	fields := make([]syntax.Field, len(breakdown))
	for i, b := range breakdown {
		fields[i] = b.Field
	}
	return fields
}

// Event returns the event with an id, or none.
func (s *Source) Event(ctx context.Context, id uuid.UUID) ([]Event, error) {
	return serve(ctx, s, func(e Engine) ([]Event, error) { return e.Event(ctx, id) })
}
