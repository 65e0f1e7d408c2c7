package funnel

import "context"

// apart says that no two events happened at the same instant.
func apart(events []Event) bool {
	for p := 1; p < len(events); p++ {
		if events[p].Us == events[p-1].Us {
			return false
		}
	}
	return true
}

// inTurn tries the entries of events that are apart, for steps in their order that nothing
// excludes: so are nearly all users' of nearly all funnels. The events need no index then:
// no attempt reaches a step before one that began earlier, so that what was passed over for
// a step need not be looked at again, and all attempts together take a pass for each step.
func (f *Finder) inTurn(ctx context.Context) error {
	events, steps, a := f.events, f.rules.Steps, &f.attempt
	clear(f.next[:steps])
	f.most = steps
	for p := range events {
		if p%checkEvery == checkEvery-1 && ctx.Err() != nil {
			return ctx.Err()
		}
		entry := &events[p]
		if entry.Fits&1 == 0 || entry.Bucket == NoBucket {
			continue
		}
		if f.isComplete(entry.Bucket) {
			if f.rules.Buckets == 1 {
				return nil
			}
			continue
		}
		a.Bucket, a.Reached, a.Us[0], a.instants[0] = entry.Bucket, 1, entry.Us, int32(p)
		for at, step := p, 1; step < steps; step++ {
			at = max(at+1, f.next[step])
			for at < len(events) && events[at].Fits>>step&1 == 0 {
				at++
			}
			f.next[step] = at
			if at == len(events) {
				f.most = step
				break
			}
			if events[at].Us > entry.Us+f.rules.Window {
				break
			}
			a.Us[step], a.instants[step] = events[at].Us, int32(at)
			a.Reached++
		}
		f.keep(a)
	}
	return nil
}
