package walk

import (
	"cmp"
	"context"
	"math"
	"slices"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/warehouse/walk"
	"eventanalytics/services/stats/engine"
)

// Cohorts serves a scan.
func (e *Engine) Cohorts(ctx context.Context, q engine.Cohorts) ([]engine.CohortUsers, error) {
	var c *cohorts
	err := e.ready(func() (err error) {
		c, err = e.cohorts(ctx, q)
		return err
	})
	if c == nil || err != nil {
		return nil, err
	}
	result := engine.NewResult[engine.CohortUsers](ctx)
	err = e.do(ctx, func(ctx context.Context) error {
		counts, err := c.count(ctx)
		if err != nil {
			return err
		}
		for _, one := range c.rows(counts) {
			if err := result.Add(one); err != nil {
				return err
			}
		}
		return nil
	})
	return result.Rows, err
}

// cohorts is what a scan of cohorts looks at.
type cohorts struct {
	*plan
	engine.Cohorts
	filter   *filter
	founding *filter
	returns  *filter
	line     *timeline
	from     *timeline // tells the dates on which cohorts can be founded; nil: all
	fields   []*field
	windows  []int // by buckets after the cohort's: the window; len(Windows) behind the last
}

// cohorts makes a scan ready; nil when there is no time in it.
func (e *Engine) cohorts(ctx context.Context, q engine.Cohorts) (*cohorts, error) {
	p, exists := q.Period()
	if !exists {
		return nil, nil
	}
	scan := p
	if !q.InPeriod {
		scan.From = math.MinInt64
	}
	scope := q.Scope
	scope.Asked = &q.Range // without the windows behind it
	c := &cohorts{plan: e.plan(ctx, scope, scan), Cohorts: q}
	if q.InPeriod {
		dates := p
		dates.First = q.From
		c.from = newTimeline(dates, calendar.Day)
	}
	// Where clocks go back over midnight, an earlier date may come after the founding event.
	p.First = engine.FirstDate
	c.line = newTimeline(p, q.Unit)
	for n := range c.line.buckets {
		window := 0
		for window < len(q.Windows) && q.Windows[window] <= n {
			window++
		}
		c.windows = append(c.windows, window)
	}
	var err error
	if c.filter, err = c.plan.filter(ctx, q.Filter); err != nil {
		return nil, err
	}
	returning, err := c.plan.filter(ctx, q.ReturningFilter)
	if err != nil {
		return nil, err
	}
	c.founding, c.returns = both(c.oneType(q.Founding)), both(c.oneType(q.Returning), returning)
	c.fields, err = c.plan.fields(ctx, q.Breakdown)
	return c, err
}

// oneType holds for events of a type; empty: of all.
func (p *plan) oneType(name string) *filter {
	if name == "" {
		return nil
	}
	return p.types([]string{name})
}

// founded is a group of a cohort.
type founded struct {
	cohort int // index of its bucket
	group  int // index of the combination
}

// cohortCounts are the users of windows: [0] are all members, [1+n] those of window n.
type cohortCounts struct {
	*found
	users map[founded][]int64
}

func (c *cohorts) count(ctx context.Context) (cohortCounts, error) {
	var all []*founder
	err := c.walk(ctx, func(r *reader) visitor {
		f := &founder{
			cohorts: c, r: r, cohortCounts: cohortCounts{newFound(c.fields), map[founded][]int64{}},
			in: make([]bool, len(c.Windows)),
		}
		all = append(all, f)
		return f.visit
	})
	sum := cohortCounts{newFound(c.fields), map[founded][]int64{}}
	if err != nil {
		return sum, err
	}
	for _, f := range all {
		for at, users := range f.users {
			at.group = sum.of(f.all[at.group])
			if sum.users[at] == nil {
				sum.users[at] = make([]int64, len(users))
			}
			for i, n := range users {
				sum.users[at][i] += n
			}
		}
	}
	return sum, nil
}

// founder counts some users' returns.
type founder struct {
	*cohorts
	cohortCounts
	r      *reader
	events []member // of a user, those that the filter holds for
	in     []bool   // windows of the user
}

// member is an event of a user.
type member struct {
	*walk.Event
	bucket  int // outside or earlier, too
	returns bool
	founds  bool
}

func (f *founder) visit(_ uint32, events []walk.Event) error {
	f.events = f.events[:0]
	first := -1 // the founding event
	for i := range events {
		e := &events[i]
		if !f.filter.pass(f.r, e) {
			continue
		}
		m := member{Event: e, bucket: f.line.at(e.Us), returns: f.returns.pass(f.r, e), founds: f.founding.pass(f.r, e)}
		if m.founds && f.from != nil {
			m.founds = f.from.at(e.Us) >= 0
		}
		if m.founds && first < 0 {
			if first = len(f.events); !f.counts(m.bucket) {
				return nil
			}
		}
		f.events = append(f.events, m)
	}
	if first < 0 {
		return nil
	}
	clear(f.in)
	f.mark(first)
	return f.add(f.events[first].bucket)
}

// counts says whether a cohort is one that is asked about.
func (c *cohorts) counts(bucket int) bool {
	if bucket < 0 {
		return false
	}
	first, last := c.Buckets()
	cohort := calendar.Date(c.line.buckets[bucket])
	return cohort >= first && cohort <= last
}

// mark marks the windows in which the user returned.
func (f *founder) mark(first int) {
	founding := f.events[first]
	for i, m := range f.events {
		if !m.returns || m.bucket < founding.bucket {
			continue
		}
		n := m.bucket - founding.bucket
		window := f.windows[n]
		through := f.After && calendar.Date(f.line.buckets[m.bucket]) <= f.Through
		if f.Returned && i != first && m.Us >= founding.Us && (window == 0 || through) {
			f.in[0] = true
		}
		if n == 0 {
			continue
		}
		if window > 0 && window < len(f.in) {
			f.in[window] = true
		}
		if through {
			for w := 1; w <= min(window, len(f.in)-1); w++ {
				f.in[w] = true
			}
		}
	}
}

// countBytes is what a group of a cohort takes, beside its counts.
const countBytes = 100

// add counts the user in the windows that are marked.
func (f *founder) add(cohort int) error {
	var values combination
	for i, field := range f.fields {
		for _, m := range f.events {
			if m.founds && m.bucket == cohort {
				if values[i] = field.id(f.r, m.Event); values[i] != 0 {
					break
				}
			}
		}
	}
	at := founded{cohort, f.of(values)}
	users := f.users[at]
	if users == nil {
		users = make([]int64, 1+len(f.in))
		f.users[at] = users
		if err := f.budget.Spend(countBytes + 8*len(users)); err != nil {
			return unsupported(err)
		}
	}
	users[0]++
	for window, in := range f.in {
		if in {
			users[1+window]++
		}
	}
	return nil
}

// rows are the counts in their order, those of all groups behind the first together.
func (c *cohorts) rows(counts cohortCounts) []engine.CohortUsers {
	places := c.places(counts)
	type placed struct{ cohort, place int }
	sum := map[placed][]int64{}
	groups := map[int]engine.Group{}
	for at, users := range counts.users {
		to := placed{at.cohort, c.Top} // behind the first
		if place, ok := places[at.group]; ok {
			to.place = place
			groups[place] = counts.values(at.group)
		}
		if sum[to] == nil {
			sum[to] = make([]int64, len(users))
		}
		for i, n := range users {
			sum[to][i] += n
		}
	}
	order := make([]placed, 0, len(sum))
	for at := range sum {
		order = append(order, at)
	}
	slices.SortFunc(order, func(a, b placed) int { return cmp.Or(cmp.Compare(a.cohort, b.cohort), cmp.Compare(a.place, b.place)) })
	var rows []engine.CohortUsers
	for _, at := range order {
		for i, n := range sum[at] {
			if n > 0 {
				rows = append(rows, engine.CohortUsers{
					Cohort: calendar.Date(c.line.buckets[at.cohort]), Group: groups[at.place], Window: i - 1, Users: n,
				})
			}
		}
	}
	return rows
}

// places are the first groups, by their combination.
func (c *cohorts) places(counts cohortCounts) map[int]int {
	if len(c.fields) == 0 {
		return nil
	}
	members := make([]int64, len(counts.all))
	order := make([]int, len(counts.all))
	for at, users := range counts.users {
		members[at.group] += users[0]
	}
	groups := make([]engine.Group, len(order))
	for i := range order {
		order[i], groups[i] = i, counts.values(i)
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(members[b], members[a]), groups[a].Compare(groups[b])) })
	places := map[int]int{}
	for place, at := range order[:min(c.Top, len(order))] {
		places[at] = place
	}
	return places
}
