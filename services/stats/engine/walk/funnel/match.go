package funnel

// noEvent is no event.
const noEvent = -1

// extension is how far the events of an instant lead, from a step.
type extension struct {
	instant int32
	step    int
}

// matching is which events serve which steps.
type matching struct {
	served  [MaxSteps]int // by step
	visited uint32        // steps that were asked for another event
}

// extend returns the last step that the events of an instant lead to when some are
// reached already, each further step served by an event of its own other than without.
func (f *Finder) extend(step int, instant int32, without int) int {
	from, to := f.bounds(instant)
	if step == f.rules.Steps {
		return step
	}
	if to-from == 1 {
		if without == noEvent && f.events[from].Fits>>step&1 != 0 {
			return step + 1
		}
		return step
	}
	if known := &f.known[step]; without == noEvent && known.instant == instant {
		return known.step
	}
	last := step
	for last < f.rules.Steps {
		f.matching.visited = 0
		if !f.serve(last, step, last, from, to, without) {
			break
		}
		last++
	}
	if without == noEvent {
		f.known[step] = extension{instant, last}
	}
	return last
}

// serve finds an event for one more step, counted from 0; of the steps [first, end) each
// has one, and may get another.
func (f *Finder) serve(step, first, end, from, to, without int) bool {
	m := &f.matching
	m.visited |= 1 << step
	// At most MaxSteps events are taken, so the loop is no longer than that.
	for p := f.fits[step].next(from); p >= 0 && p < to; p = f.fits[step].next(p + 1) {
		if p == without {
			continue
		}
		owner := first
		for owner < end && m.served[owner] != p {
			owner++
		}
		if owner == end || m.visited>>owner&1 == 0 && f.serve(owner, first, end, from, to, without) {
			m.served[step] = p
			return true
		}
	}
	return false
}
