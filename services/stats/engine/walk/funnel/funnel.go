// Package funnel finds the best attempt of a user at the steps of a funnel: of those that
// are not void the one that gets furthest, of several the earliest.
//
// Several events at one instant count as in whatever order serves the attempt, but none
// serves two steps: which serve which is a matching. So the events of an instant are
// always looked at together.
//
// With n steps and N events of a user, an attempt takes O(n) look-ups of the next event
// that fits a step (O(n²) in any order), whatever lies between, and at an instant with
// several events a matching of at most n steps to n events each. All attempts of a user
// take O(N n²) at most, and N n bits of memory.
package funnel

import "context"

// MaxSteps and MaxExclude are the maximum numbers of steps and exclusions.
const (
	MaxSteps   = 20
	MaxExclude = 20
)

// Order is that in which steps are reached.
type Order int

// The orders.
const (
	Ordered Order = iota
	Any           // step k is k different steps, whichever they are
	Strict        // nothing lies between the events of two steps
)

// Exclusion makes attempts void that reach the step After, when one of its events lies
// after that and before the step Before, or before the window ends if that is not
// reached. Steps are counted from 1.
type Exclusion struct{ After, Before int }

// Rules are what an attempt has to keep to.
type Rules struct {
	Steps   int   // 2 to MaxSteps
	Window  int64 // µs from the first step to the last
	Order   Order
	Exclude []Exclusion // at most MaxExclude; none with Any
	Buckets int         // number of buckets in which attempts begin
}

// Event is an event of a user. With Strict there must be all that pass the question's
// filter, else those that fit a step or an exclusion are enough.
type Event struct {
	Us       int64  // when it happened, in microseconds since 1970 UTC
	Fits     uint32 // bit i: step i+1
	Excludes uint32 // bit i: exclusion i
	Bucket   int32  // of the attempts that begin at this instant, or NoBucket
}

// NoBucket is the bucket of events that begin no attempt.
const NoBucket = -1

// Attempt is the best attempt of a user in a bucket.
type Attempt struct {
	Bucket  int32
	Reached int             // step, from 1
	Us      [MaxSteps]int64 // when each was reached

	instants [MaxSteps]int32
}

// Finder finds the attempts of one user after the other.
type Finder struct {
	rules    Rules
	events   []Event
	instants []int32 // of each event, its instant
	begins   []int32 // of each instant, its first event; of one more, the number of events
	fits     []set   // by step
	excludes []set   // by exclusion
	best     []Attempt
	places   []int32 // of each bucket, its attempt in best, from 1
	tried    map[uint32]bool
	attempt  Attempt // at hand
	matching matching
	known    [MaxSteps]extension
	most     int           // step that no attempt gets beyond
	apart    bool          // the events were tried in turn: they have an instant each
	next     [MaxSteps]int // then: of each step, the event up to which no other fits it
}

// New makes a Finder.
func New(rules Rules) *Finder {
	return &Finder{
		rules: rules, fits: make([]set, rules.Steps), excludes: make([]set, len(rules.Exclude)),
		places: make([]int32, rules.Buckets), tried: map[uint32]bool{},
	}
}

// checkEvery is how many beginnings are tried before ctx is looked at.
const checkEvery = 1024

// Best returns the best attempt in each bucket where there is one, in no order. The events
// are in the contract's order of events. The attempts are good until the next call, and so
// must the events be.
func (f *Finder) Best(ctx context.Context, events []Event) ([]Attempt, error) {
	f.events, f.best = events, f.best[:0]
	err := f.find(ctx)
	for i := range f.best { // make room for the next user
		f.places[f.best[i].Bucket] = 0
	}
	return f.best, err
}

func (f *Finder) find(ctx context.Context) error {
	f.apart = f.rules.Order == Ordered && len(f.rules.Exclude) == 0 && apart(f.events)
	if f.apart {
		return f.inTurn(ctx)
	}
	f.read(f.events)
	if f.rules.Order == Any {
		return f.eachInstant(ctx)
	}
	return f.eachEntry(ctx)
}

// read indexes the events.
func (f *Finder) read(events []Event) {
	f.instants, f.begins = f.instants[:0], f.begins[:0]
	for i := range f.fits {
		f.fits[i].reset(len(events))
		f.known[i].instant = -1
	}
	for i := range f.excludes {
		f.excludes[i].reset(len(events))
	}
	for p := range events {
		if p == 0 || events[p].Us != events[p-1].Us {
			f.begins = append(f.begins, int32(p))
		}
		f.instants = append(f.instants, int32(len(f.begins)-1))
		addBits(f.fits, events[p].Fits, p)
		addBits(f.excludes, events[p].Excludes, p)
	}
	f.begins = append(f.begins, int32(len(events)))
	f.most = 0
	for i := range f.fits {
		if f.fits[i].next(0) >= 0 {
			f.most++
		} else if f.rules.Order != Any {
			break
		}
	}
}

// bounds returns the first event of an instant, and the first behind it.
func (f *Finder) bounds(instant int32) (from, to int) {
	return int(f.begins[instant]), int(f.begins[instant+1])
}

// eachEntry tries every event that fits the first step.
func (f *Finder) eachEntry(ctx context.Context) error {
	a, last, n := &f.attempt, int32(-1), 0
	for p := f.fits[0].next(0); p >= 0; p = f.fits[0].next(p + 1) {
		if n++; n%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		e, instant := &f.events[p], f.instants[p]
		if e.Bucket == NoBucket || f.isComplete(e.Bucket) {
			continue
		}
		if from, to := f.bounds(instant); to-from > 1 { // events that fit the same get as far
			if instant != last {
				clear(f.tried)
				last = instant
			}
			if f.tried[e.Fits] {
				continue
			}
			f.tried[e.Fits] = true
		}
		a.Bucket, a.Reached = e.Bucket, 0
		if f.rules.Order == Strict {
			f.strict(p, a)
		} else {
			f.ordered(p, a)
		}
		if !f.void(a) {
			f.keep(a)
		}
	}
	return nil
}

// isComplete says whether no attempt in a bucket can be better than the one known.
func (f *Finder) isComplete(bucket int32) bool {
	place := f.places[bucket]
	return place > 0 && f.best[place-1].Reached >= f.most
}

// keep keeps an attempt that is better than those before it.
func (f *Finder) keep(a *Attempt) {
	switch place := f.places[a.Bucket]; {
	case place == 0:
		f.best = append(f.best, *a)
		f.places[a.Bucket] = int32(len(f.best))
	case a.Reached > f.best[place-1].Reached:
		f.best[place-1] = *a
	}
}

// reach notes that an attempt has reached steps at an instant, up to one.
func (f *Finder) reach(a *Attempt, step int, instant int32) {
	us := f.events[f.begins[instant]].Us
	for ; a.Reached < step; a.Reached++ {
		a.Us[a.Reached], a.instants[a.Reached] = us, instant
	}
}

// ordered makes the attempt that begins with an event. As early as it can, each step is
// reached at the first instant that has an event for it.
func (f *Finder) ordered(entry int, a *Attempt) {
	instant := f.instants[entry]
	limit := f.events[entry].Us + f.rules.Window
	f.reach(a, f.extend(1, instant, entry), instant)
	for a.Reached < f.rules.Steps {
		_, behind := f.bounds(instant)
		p := f.fits[a.Reached].next(behind)
		if p < 0 || f.events[p].Us > limit {
			return
		}
		instant = f.instants[p]
		f.reach(a, f.extend(a.Reached, instant, noEvent), instant)
	}
}

// void says whether an exclusion takes an attempt out.
func (f *Finder) void(a *Attempt) bool {
	for i, x := range f.rules.Exclude {
		if a.Reached < x.After {
			continue
		}
		_, behind := f.bounds(a.instants[x.After-1])
		p := f.excludes[i].next(behind)
		if p < 0 {
			continue
		}
		us := f.events[p].Us
		if a.Reached >= x.Before && us < a.Us[x.Before-1] || a.Reached < x.Before && us <= a.Us[0]+f.rules.Window {
			return true
		}
	}
	return false
}

// Event returns the index of the event whose values sort an attempt by a step that it has
// reached: the first at that instant that fits the step, with Any one that fits any.
func (f *Finder) Event(a *Attempt, step int) int {
	if f.apart {
		return int(a.instants[step-1])
	}
	from, to := f.bounds(a.instants[step-1])
	if f.rules.Order != Any {
		return f.fits[step-1].next(from)
	}
	for from < to && f.events[from].Fits == 0 {
		from++
	}
	return from
}
