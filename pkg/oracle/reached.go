package oracle

import "time"

// Reached holds for the events of users whose best attempt at a funnel, of those that begin
// in the range of the question, got as far as a step.
type Reached struct {
	Funnel  Funnel // Steps, Window, Order, Exclude and Filter of it
	Step    int
	Dropped bool // and no further

	best map[asked]map[string]Attempt // by user: to try every way takes time
}

// asked is a range of some events.
type asked struct {
	from, to string
	zone     *time.Location
	first    *Event
	events   int
}

func (r *Reached) holds(k known, e Event) bool {
	of := asked{k.from, k.to, k.zone, &k.all[0], len(k.all)}
	best, known := r.best[of]
	if !known {
		best = map[string]Attempt{}
		q := r.Funnel
		q.From, q.To, q.Zone, q.Interval = k.from, k.to, k.zone, "all"
		for _, a := range q.Best(k.all) {
			best[a.Unit] = a
		}
		if r.best == nil {
			r.best = map[asked]map[string]Attempt{}
		}
		r.best[of] = best
	}
	a, began := best[e.person()]
	return began && a.reached(r.Step) && !(r.Dropped && a.reached(r.Step+1))
}
