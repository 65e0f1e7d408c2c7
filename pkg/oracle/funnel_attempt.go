package oracle

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// passing is an event that passes the question's filter.
type passing struct {
	Event
	fits     []bool // by step
	excludes []bool // by exclusion
	values   []*string
}

func (p passing) fitsAny() bool { return slices.Contains(p.fits, true) }

// history returns the events that pass the question's filter, of all time, in their order,
// by unit.
func (q Funnel) history(events []Event) map[string][]passing {
	k := knownIn(events, q.From, q.To, q.Zone)
	events = slices.Clone(events)
	slices.SortFunc(events, inOrder)
	history := map[string][]passing{}
	type first struct {
		unit string
		step int
	}
	seen := map[first]bool{}
	for _, e := range events {
		unit, ok := k.text(q.unit(), e)
		if !ok || q.Filter != nil && !q.Filter.holds(k, e) {
			continue
		}
		p := passing{Event: e, values: q.values(k, e)}
		fits := func(types []string, filter Filter) bool {
			return (len(types) == 0 || slices.Contains(types, e.Type)) && (filter == nil || filter.holds(k, e))
		}
		for i, step := range q.Steps {
			is := fits(step.Types, step.Filter)
			p.fits = append(p.fits, is && (!step.First || !seen[first{unit, i}]))
			if is {
				seen[first{unit, i}] = true
			}
		}
		for _, x := range q.Exclude {
			p.excludes = append(p.excludes, fits(x.Types, x.Filter))
		}
		history[unit] = append(history[unit], p)
	}
	return history
}

// attempts returns those of a unit's events that are not void, in the order of the events
// that they begin with.
func (q Funnel) attempts(events []passing) (all []Attempt) {
	for i, e := range events {
		begins := e.fits[0]
		if q.Order == "any" {
			begins = e.fitsAny()
		}
		if !begins || !q.contains(e.At) {
			continue
		}
		a := Attempt{Bucket: q.From}
		if q.Interval != "all" {
			a.Bucket = bucketOf(q.Interval, e.At, q.Zone)
		}
		if q.Order == "any" {
			a.Times = q.filled(events, i)
		} else {
			a.Times = q.chain(events, i)
		}
		if !q.void(events, a.Times) {
			a.Values = q.attributed(events, a.Times)
			all = append(all, a)
		}
	}
	return all
}

// link is a step reached: the time, and which events have served.
type link struct {
	last int // index of the event
	used map[int]bool
}

// chain returns the times of the steps that the attempt reaches that begins with an event:
// of the possible chains the furthest, of these that with the earliest time for each step,
// given those before.
func (q Funnel) chain(events []passing, entry int) []time.Time {
	furthest := q.furthest(events, entry)
	links := []link{{entry, map[int]bool{entry: true}}}
	times := []time.Time{events[entry].At}
	best := furthest(links[0], 1)
	for step := 2; step <= best; step++ {
		var next []link
		for _, l := range links {
			for _, n := range q.next(events, entry, l, step) {
				if furthest(n, step) < best {
					continue
				}
				if len(next) > 0 && events[n.last].At.After(events[next[0].last].At) {
					continue
				}
				if len(next) > 0 && events[n.last].At.Before(events[next[0].last].At) {
					next = nil
				}
				next = append(next, n)
			}
		}
		links = distinct(events, next)
		times = append(times, events[links[0].last].At)
	}
	return times
}

// next returns all ways to serve a step after a chain.
func (q Funnel) next(events []passing, entry int, l link, step int) (all []link) {
	at, end := events[l.last].At, events[entry].At.Add(q.Window)
	for i, e := range events {
		if l.used[i] || !e.fits[step-1] || e.At.Before(at) || e.At.After(end) {
			continue
		}
		between := func(p passing) bool { return p.At.After(at) && p.At.Before(e.At) }
		if q.Order == "strict" && slices.ContainsFunc(events, between) {
			continue
		}
		used := map[int]bool{i: true}
		for j := range l.used {
			used[j] = true
		}
		all = append(all, link{i, used})
	}
	return all
}

// furthest returns a function that tries every way to go on, and says how far one gets.
// What can follow depends on the time, and on which events of that time have served.
func (q Funnel) furthest(events []passing, entry int) func(l link, step int) int {
	known := map[string]int{}
	var try func(l link, step int) int
	try = func(l link, step int) int {
		key := fmt.Sprint(step, keyOf(events, l))
		if best, ok := known[key]; ok {
			return best
		}
		best := step
		if step < len(q.Steps) {
			for _, n := range q.next(events, entry, l, step+1) {
				if best = max(best, try(n, step+1)); best == len(q.Steps) {
					break
				}
			}
		}
		known[key] = best
		return best
	}
	return try
}

func keyOf(events []passing, l link) string {
	var now []int
	for i := range l.used {
		if events[i].At.Equal(events[l.last].At) {
			now = append(now, i)
		}
	}
	slices.Sort(now)
	return fmt.Sprint(now)
}

// distinct leaves one of links after which the same can follow.
func distinct(events []passing, links []link) (all []link) {
	seen := map[string]bool{}
	for _, l := range links {
		if key := keyOf(events, l); !seen[key] {
			seen[key] = true
			all = append(all, l)
		}
	}
	return all
}

// filled returns the earliest times at which one step, two steps and so on can each have
// an event of their own, that of the beginning among them.
func (q Funnel) filled(events []passing, entry int) (times []time.Time) {
	begin, end := events[entry].At, events[entry].At.Add(q.Window)
	ways := map[int]bool{} // sets of steps that can be filled
	for step := range q.Steps {
		if events[entry].fits[step] {
			ways[1<<step] = true
		}
	}
	times = []time.Time{begin}
	for i, e := range events { // in the order of time
		if i == entry || e.At.Before(begin) || e.At.After(end) {
			continue
		}
		for set := range maps.Clone(ways) {
			for step := range q.Steps {
				if e.fits[step] && set&(1<<step) == 0 {
					ways[set|1<<step] = true
				}
			}
		}
		for set := range ways {
			if size(set) > len(times) {
				times = append(times, e.At)
				break
			}
		}
	}
	return times
}

func size(set int) (n int) {
	for ; set > 0; set /= 2 {
		n += set % 2
	}
	return n
}

// void says whether an exclusion takes an attempt out.
func (q Funnel) void(events []passing, times []time.Time) bool {
	for i, x := range q.Exclude {
		if len(times) < x.After {
			continue
		}
		for _, e := range events {
			if !e.excludes[i] || !e.At.After(times[x.After-1]) {
				continue
			}
			if len(times) >= x.Before && e.At.Before(times[x.Before-1]) ||
				len(times) < x.Before && !e.At.After(times[0].Add(q.Window)) {
				return true
			}
		}
	}
	return false
}

// attributed returns the values by which an attempt is sorted: of the first event at the
// time of a step that fits it. In no order there is no telling which of the steps it is.
func (q Funnel) attributed(events []passing, times []time.Time) []*string {
	step := q.Attribution
	if step == 0 {
		step = len(times)
	}
	if step <= len(times) {
		for _, e := range events {
			if e.At.Equal(times[step-1]) && (e.fits[step-1] || q.Order == "any" && e.fitsAny()) {
				return e.values
			}
		}
	}
	return make([]*string, len(q.Breakdown))
}
