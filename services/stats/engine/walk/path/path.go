// Package path finds the paths that a user takes through nodes.
package path

// Event is one of a user's events, in their order.
type Event struct {
	Us   int64 // microseconds since 1970 UTC
	Node uint32
	Flags
}

// Flags say what an event is for paths.
type Flags uint8

// The flags.
const (
	InRange Flags = 1 << iota // it lies in the range that is asked about
	Passes                    // the filter holds for it
	Starts                    // it passes, and fits the series that paths begin with
	Ends                      // it passes, and fits the series that paths end with
)

// Rule says which paths there are; see engine.Paths.
type Rule struct {
	Steps   int   // nodes at most
	Within  int64 // microseconds from the first event; 0: to the end of the session
	Gap     int64 // of sessions, in microseconds
	Start   bool  // paths begin with events that start, not with sessions
	End     bool  // paths without an event that ends do not count
	Repeats bool
}

// Finder finds the paths of one user after the other. The zero value is ready.
type Finder struct {
	Rule
	events []Event
	until  int64
	next   []int32  // of each event that passes, the next one with another node
	ends   []int32  // and the next one that ends
	nodes  []uint32 // of all paths found
}

// Last is a bit of the last node of each path. No node is as high.
const Last = 1 << 31

// Nodes are those of the paths that Find has found, one path after the other, until it is
// called again.
func (f *Finder) Nodes() []uint32 { return f.nodes }

// Find finds the paths that count. events must be all of the user from Gap before the
// range to before until. It returns false when a path might go on from until: then more
// events have to be seen.
func (f *Finder) Find(events []Event, until int64) (enough bool) {
	f.events, f.until = events, until
	f.nodes = f.nodes[:0]
	if !f.Start && !f.End && f.Within == 0 {
		return f.sessions()
	}
	f.link()
	if f.Start {
		return f.started()
	}
	var end int
	for begin := 0; begin < len(events); begin = end {
		end = f.sessionEnd(begin)
		if events[begin].Flags&InRange == 0 {
			continue
		}
		first := begin
		for first < end && events[first].Flags&Passes == 0 {
			first++
		}
		if first < end {
			_, enough = f.path(first, end)
		} else {
			enough = f.final(events[end-1].Us, f.Gap) // or it goes on with one that passes
		}
		if !enough {
			return false
		}
	}
	return true
}

// sessions finds the paths that begin and end with sessions. They do not overlap, so that
// events need no links to those behind them.
func (f *Finder) sessions() (enough bool) {
	var end int
	for begin := 0; begin < len(f.events); begin = end {
		end = f.sessionEnd(begin)
		if f.events[begin].Flags&InRange != 0 && !f.session(begin, end) {
			return false
		}
	}
	return true
}

// session finds the path of the session that begins and ends with some events, if it has one.
func (f *Finder) session(begin, end int) (enough bool) {
	nodes := f.nodes
	first := len(nodes)
	for i := begin; i < end && len(nodes)-first < f.Steps; i++ {
		e := &f.events[i]
		if e.Flags&Passes != 0 && (f.Repeats || len(nodes) == first || nodes[len(nodes)-1] != e.Node) {
			nodes = append(nodes, e.Node)
		}
	}
	f.nodes = nodes
	if len(nodes) > first {
		nodes[len(nodes)-1] |= Last
	}
	return len(nodes)-first == f.Steps || f.final(f.events[end-1].Us, f.Gap)
}

// started finds the paths that begin with events that start.
func (f *Finder) started() (enough bool) {
	const begins = InRange | Starts
	end := 0 // of the session
	for i := 0; i < len(f.events); {
		if f.events[i].Flags&begins != begins {
			i++
			continue
		}
		if f.Within == 0 && i >= end {
			end = f.sessionEnd(i)
		}
		if i, enough = f.path(i, end); !enough {
			return false
		}
	}
	return true
}

// link finds for each event that passes the next ones, so that a path takes as many steps
// to follow as it has nodes, however many events there are.
func (f *Finder) link() {
	n := len(f.events)
	if len(f.next) < n {
		f.next, f.ends = make([]int32, 2*n), make([]int32, 2*n)
	}
	none := int32(n)
	later, next, ends := none, none, none // event that passes, and what follows it
	for i := n - 1; i >= 0; i-- {
		e := &f.events[i]
		if e.Flags&Passes == 0 {
			continue
		}
		if later < none {
			if f.Repeats || f.events[later].Node != e.Node {
				next = later
			}
			if f.events[later].Flags&Ends != 0 {
				ends = later
			}
		}
		f.next[i], f.ends[i] = next, ends
		later = int32(i)
	}
}

// sessionEnd returns where the session of an event ends.
func (f *Finder) sessionEnd(i int) int {
	for i++; i < len(f.events) && f.events[i].Us-f.events[i-1].Us <= f.Gap; i++ {
	}
	return i
}

// limit returns the instant up to which a path may go that begins with an event in a
// session that ends before the event end, and whether all events up to it are there.
func (f *Finder) limit(first, end int) (limit int64, final bool) {
	if f.Within == 0 {
		limit = f.events[end-1].Us
		return limit, f.final(limit, f.Gap)
	}
	begin := f.events[first].Us
	return begin + f.Within, f.final(begin, f.Within)
}

// final says whether all events up to so long after an instant are there.
func (f *Finder) final(us, after int64) bool { return f.until-us > after }

// path follows a path that begins with an event in a session that ends before the event
// end, and with Start returns the first event that is not on it. It is not enough when the
// path might go on behind the events that are there.
func (f *Finder) path(first, end int) (after int, enough bool) {
	limit, final := f.limit(first, end)
	n, last := len(f.events), len(f.events)
	if f.End {
		last = int(f.ends[first])
	}
	begin := len(f.nodes)
	f.nodes = append(f.nodes, f.events[first].Node)
	for at := first; len(f.nodes)-begin < f.Steps; {
		at = int(f.next[at])
		if last < n && last <= at && f.events[last].Us <= limit {
			if last == at {
				f.nodes = append(f.nodes, f.events[at].Node)
			}
			f.nodes[len(f.nodes)-1] |= Last
			return last + 1, true
		}
		if at == n || f.events[at].Us > limit {
			f.stop(begin)
			if f.Start { // others overlap, and nobody asks
				after = f.behind(first, limit)
			}
			return after, final
		}
		f.nodes = append(f.nodes, f.events[at].Node)
		after = at + 1
	}
	f.stop(begin)
	return after, true
}

// stop ends a path that was to end otherwise, if there is an end.
func (f *Finder) stop(begin int) {
	if f.End {
		f.nodes = f.nodes[:begin]
		return
	}
	f.nodes[len(f.nodes)-1] |= Last
}

// behind returns the first event after another that is later than a limit.
func (f *Finder) behind(first int, limit int64) int {
	for first++; first < len(f.events) && f.events[first].Us <= limit; first++ {
	}
	return first
}
