package rollup

import (
	"fmt"
	"slices"
)

// Change returns the view without files that left, and with others that came behind all
// that stay. It is the view that NewView makes of them, at the cost of the days that these
// files have; what is known of the others is taken over. There must be a file that stays or
// comes.
func (v *View) Change(left, came []*File) (*View, error) {
	next := &View{days: make([]*day, 0, len(v.days)+1), users: v.users, memo: v.memo}
	gone, shrunk := make(map[*File]bool, len(left)), false
	touched := map[int32][]ref{} // what comes, by day
	for _, f := range left {
		gone[f], shrunk = true, shrunk || f.Users() == v.users
		for _, r := range f.days {
			touched[r.all().day] = nil
		}
	}
	for _, f := range came {
		if of := v.days[0].refs[0].file.Project; f.Project != of {
			return nil, fmt.Errorf("roll-ups of projects %d and %d in one view", of, f.Project)
		}
		next.users = max(next.users, f.Users())
		for _, r := range f.days {
			touched[r.all().day] = append(touched[r.all().day], r)
		}
	}
	for _, d := range v.days {
		more, ok := touched[d.day]
		if !ok {
			next.days = append(next.days, d)
			continue
		}
		delete(touched, d.day)
		refs := make([]ref, 0, len(d.refs)+len(more))
		for _, r := range d.refs {
			if !gone[r.file] {
				refs = append(refs, r)
			}
		}
		if refs = append(refs, more...); len(refs) > 0 {
			next.days = append(next.days, newDay(d.day, refs, v.memo))
		}
	}
	for at, refs := range touched { // days that had no events
		if len(refs) > 0 {
			next.days = append(next.days, newDay(at, refs, v.memo))
		}
	}
	slices.SortFunc(next.days, func(a, b *day) int { return int(a.day) - int(b.day) })
	if shrunk {
		next.users = 0
		for _, d := range next.days {
			for _, r := range d.refs {
				next.users = max(next.users, r.file.Users())
			}
		}
	}
	return next, nil
}
