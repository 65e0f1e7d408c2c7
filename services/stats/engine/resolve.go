package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/property"
	"eventanalytics/pkg/syntax"
)

// resolve finds the users of what filters say they did, of funnels and of cohorts, as of a
// range, or where it is nil of all time. Filters are replaced by ones in which nothing is
// left but conditions; those on users are on fields of the source syntax.Cohort, whose sets
// the scope has.
func (s *Source) resolve(ctx context.Context, scope *Scope, of *Range, fields []syntax.Field, filters ...*syntax.Filter) error {
	needed := slices.ContainsFunc(fields, isCohort) || slices.ContainsFunc(filters, func(f *syntax.Filter) bool { return looksAtSets(*f) })
	if !needed {
		return s.say(ctx, scope, fields, filters...)
	}
	ctx, end := s.limited(ctx)
	defer end()
	r := s.resolver(*scope, of)
	var err error
	for i := 0; i < len(filters) && err == nil; i++ {
		*filters[i], err = r.rewrite(ctx, *filters[i])
	}
	if err == nil {
		err = r.cohorts(ctx, fields)
	}
	if err == nil {
		err = s.say(ctx, scope, fields, filters...)
	}
	scope.Sets = r.sets
	return expired(ctx, err)
}

// cohorts finds the users of the cohorts among some fields.
func (r *resolver) cohorts(ctx context.Context, fields []syntax.Field) error {
	for _, f := range fields {
		if isCohort(f) {
			if _, err := r.cohort(ctx, f.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

func isCohort(f syntax.Field) bool { return f.Source == syntax.Cohort }

// limited bounds how long sets are looked for.
func (s *Source) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.Timeout == 0 {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, s.Timeout, ErrTimeout)
}

// resolver finds sets as of a range, or where it is nil of all time.
func (s *Source) resolver(scope Scope, of *Range) *resolver {
	if scope.Asked != nil {
		of = scope.Asked
	}
	p, exists := Always(), true
	if of != nil {
		p, exists = of.Period(scope.Zone)
	}
	if !exists {
		p.To = scope.Zone.Midnight(of.To)
		p.From = p.To // no event is in it
	}
	return &resolver{Source: s, zone: scope.Zone, period: p, sets: map[string]Set{}, scanned: map[string]*roaring.Bitmap{}}
}

// expired returns ErrTimeout for an error that the time limit caused.
func expired(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), ErrTimeout) {
		return ErrTimeout
	}
	return err
}

// looksAtSets says whether something in a filter is about what users did, or a cohort.
func looksAtSets(f syntax.Filter) bool {
	switch f.Form {
	case syntax.DidSo, syntax.ReachedSo:
		return true
	case syntax.Holds:
		return f.Condition.Field.Source == syntax.Cohort
	}
	return slices.ContainsFunc(f.Of, looksAtSets)
}

// resolver finds sets of users as of a period: their history ends with it, and attempts at
// funnels begin in it.
type resolver struct {
	*Source
	zone   *calendar.Zone
	period Period
	// sets are those found so far: of cohorts by their names and by their keys, of what
	// users did and how far they got by its text.
	sets map[string]Set
	// scanned are the users that scans came to, by key.
	scanned map[string]*roaring.Bitmap
}

// rewrite returns a filter in which what users did is a condition on a set.
func (r *resolver) rewrite(ctx context.Context, f syntax.Filter) (syntax.Filter, error) {
	switch {
	case f.Form == syntax.DidSo, f.Form == syntax.ReachedSo:
		name := r.textOf(f)
		if _, known := r.sets[name]; !known {
			set, err := r.found(ctx, f)
			if err != nil {
				return f, err
			}
			r.sets[name] = set
		}
		return syntax.Filter{Form: syntax.Holds, Condition: syntax.Condition{
			Field: syntax.Field{Source: syntax.Cohort, Name: name}, Op: "=", Values: []string{"true"},
		}}, nil
	case f.Form == syntax.Holds:
		if f.Condition.Field.Source == syntax.Cohort {
			_, err := r.cohort(ctx, f.Condition.Field.Name)
			return f, err
		}
		return f, nil
	case !looksAtSets(f):
		return f, nil
	}
	of := make([]syntax.Filter, len(f.Of))
	for i, one := range f.Of {
		var err error
		if of[i], err = r.rewrite(ctx, one); err != nil {
			return f, err
		}
	}
	f.Of = of
	return f, nil
}

// found returns the users who did something, or got somewhere.
func (r *resolver) found(ctx context.Context, f syntax.Filter) (Set, error) {
	if f.Form == syntax.ReachedSo {
		users, err := r.reached(ctx, f)
		return Set{Users: users}, err
	}
	return r.did(ctx, f.Did)
}

// did returns the users who did something so often.
func (r *resolver) did(ctx context.Context, d *syntax.Did) (Set, error) {
	if d.Last > 0 && r.period.To == math.MaxInt64 {
		return Set{}, ErrNoEnd
	}
	scan := Doers{Scope: Scope{Zone: r.zone}, Since: math.MinInt64, Until: r.period.To, Types: d.Series.Events, First: d.Series.First}
	if d.Last > 0 {
		scan.Since = r.period.To - d.Last.Microseconds()
	}
	text := r.textOf(d.Series.Filter)
	var err error
	if scan.Filter, err = r.rewrite(ctx, d.Series.Filter); err != nil { // also where the number alone decides
		return Set{}, err
	}
	var except bool
	scan.Times, scan.Exactly, except = countOf(d)
	switch {
	case d.Op == "<" && d.Times == 0:
		return nobody(), nil
	case scan.Times == 0: // any number is as many
		return nobody().not(), nil
	case scan.First && scan.Times > 1:
		return Set{roaring.New(), except}, nil
	}
	if err := r.say(ctx, &scan.Scope, nil, &scan.Filter); err != nil {
		return Set{}, err
	}
	users, err := r.doers(ctx, scan, text)
	return Set{users, except}, err
}

// countOf returns a number of events of which as many, with exactly as many and no more,
// or with except neither, are as often as d says. 0 with neither is any number.
func countOf(d *syntax.Did) (times int, exactly, except bool) {
	switch d.Op {
	case ">=":
		return d.Times, false, false
	case ">":
		return d.Times + 1, false, false
	case "<=":
		return d.Times + 1, false, true
	case "<":
		return d.Times, false, true
	}
	except = d.Op == "!="
	if d.Times == 0 {
		return 1, false, !except
	}
	return d.Times, true, except
}

// cohort returns the users of a cohort.
func (r *resolver) cohort(ctx context.Context, name string) (Set, error) {
	if set, known := r.sets[name]; known {
		return set, nil
	}
	c, ok := r.Named[name]
	if !ok {
		return Set{}, fmt.Errorf("the definition of the cohort %s was not read", name)
	}
	var set Set
	var err error
	if c.Users != nil {
		set.Users, err = c.Users(ctx)
	} else {
		set, err = r.set(ctx, c.Filter)
	}
	if err != nil {
		return Set{}, fmt.Errorf("finding the users of the cohort %s: %w", name, err)
	}
	r.sets[name] = set
	return set, nil
}

// set returns the users for whom a filter holds, whose conditions are all on users.
func (r *resolver) set(ctx context.Context, f syntax.Filter) (Set, error) {
	switch {
	case !looksAtSets(f):
		return r.known(ctx, f)
	case f.Form == syntax.DidSo, f.Form == syntax.ReachedSo, f.Form == syntax.Holds:
		f, err := r.rewrite(ctx, f)
		if err != nil {
			return Set{}, err
		}
		return holding(r.sets[f.Condition.Field.Name], f.Condition.Test(r.zone)), nil
	case f.Form == syntax.Not:
		set, err := r.set(ctx, f.Of[0])
		return set.not(), err
	}
	var parts []syntax.Filter
	plain := syntax.Filter{Form: f.Form} // all that one scan tells
	for _, one := range f.Of {
		if looksAtSets(one) {
			parts = append(parts, one)
		} else {
			plain.Of = append(plain.Of, one)
		}
	}
	if len(plain.Of) > 0 {
		parts = append(parts, plain)
	}
	var all Set
	for i, part := range parts {
		set, err := r.set(ctx, part)
		switch {
		case err != nil:
			return Set{}, err
		case i == 0:
			all = set
		case f.Form == syntax.Any:
			all = all.or(set)
		default:
			all = all.and(set)
		}
	}
	return all, nil
}

// known returns the users for whom a filter on what is known of them holds. It may hold
// for those of whom nothing is known.
func (r *resolver) known(ctx context.Context, f syntax.Filter) (Set, error) {
	if f.IsZero() {
		return nobody().not(), nil
	}
	except := holdsForStrangers(f, r.zone)
	if except {
		f = syntax.Filter{Form: syntax.Not, Of: []syntax.Filter{f}}
	}
	scan := Doers{Scope: Scope{Zone: r.zone, Filter: f}, Since: math.MinInt64, Until: r.period.To, Times: 1}
	if err := r.say(ctx, &scan.Scope, nil, &f); err != nil {
		return Set{}, err
	}
	users, err := r.doers(ctx, scan, r.textOf(f))
	return Set{users, except}, err
}

// holdsForStrangers says whether a filter on what is known of users holds for one without
// events.
func holdsForStrangers(f syntax.Filter, zone *calendar.Zone) bool {
	holds := func(one syntax.Filter) bool { return holdsForStrangers(one, zone) }
	switch f.Form {
	case syntax.Holds:
		return f.Condition.Test(zone).Holds(property.Value{})
	case syntax.Not:
		return !holds(f.Of[0])
	case syntax.Any:
		return slices.ContainsFunc(f.Of, holds)
	default:
		return !slices.ContainsFunc(f.Of, func(one syntax.Filter) bool { return !holds(one) })
	}
}
