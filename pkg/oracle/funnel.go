package oracle

import (
	"cmp"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"
)

// Funnel asks how many users get from step to step.
type Funnel struct {
	Scope
	Split
	Steps       []Series
	Window      time.Duration
	Order       string // ordered, any or strict
	Exclude     []Exclude
	Interval    string   // as in Trends
	Attribution int      // number of the step whose event sorts a user; 0: the last one reached
	Bins        []string // of Times, JSON numbers of seconds, ascending; none: those of the contract
	Fill        bool     // rows for buckets and groups where nobody began
}

// Exclude makes an attempt void: an event between two steps.
type Exclude struct {
	Types         []string // empty: any
	Filter        Filter
	After, Before int // numbers of steps
}

// FunnelRow is a row of "funnels"; nil is null.
type FunnelRow struct {
	Bucket string
	Group
	Step                        int
	Name                        *string
	Users                       int
	Rate, StepRate, Avg, Median *float64
	Incomplete                  bool
}

// FunnelTime is a row of "funnels" with view=times.
type FunnelTime struct {
	Group
	From, To float64
	Users    int
}

// Attempt is one that is not void.
type Attempt struct {
	Unit   string
	Bucket string
	Times  []time.Time // of the steps reached
	Values []*string   // of the breakdown
}

// Best returns the best attempt of each unit in each bucket, by unit, then by bucket.
func (q Funnel) Best(events []Event) []Attempt {
	return q.best(q.history(events), func(a Attempt) string { return a.Bucket })
}

// reached says whether the attempt has got to a step.
func (a Attempt) reached(step int) bool { return len(a.Times) >= step }

// Rows computes the rows by bucket, group, step.
func (q Funnel) Rows(events []Event) []FunnelRow {
	history := q.history(events)
	best := q.best(history, func(a Attempt) string { return a.Bucket })
	groups := q.funnelGroups(history, best)
	rows := []FunnelRow{}
	for _, label := range q.labels() {
		for g, group := range groups {
			of := slices.DeleteFunc(slices.Clone(best), func(a Attempt) bool { return a.Bucket != label || !has(groups, g, combination(a.Values)) })
			if len(of) == 0 && !q.Fill {
				continue
			}
			for step := 1; step <= len(q.Steps); step++ {
				row := q.row(of, step)
				row.Bucket, row.Group, row.Incomplete = label, group, q.incomplete(label)
				rows = append(rows, row)
			}
		}
	}
	return rows
}

// labels are those of the buckets; of interval all the first day.
func (q Funnel) labels() []string {
	if q.Interval != "all" {
		return Buckets(q.Interval, q.From, q.To, q.Zone)
	}
	if len(Buckets("day", q.From, q.To, q.Zone)) == 0 {
		return nil
	}
	return []string{q.From}
}

// incomplete also says whether attempts of the bucket may still get further.
func (q Funnel) incomplete(label string) bool {
	if q.Interval == "all" {
		return endOf(q.To, q.Zone).Add(q.Window).After(q.until())
	}
	return Incomplete(q.Interval, label, q.From, q.To, q.Zone, q.until()) ||
		Incomplete(q.Interval, label, q.From, q.To, q.Zone, q.until().Add(-q.Window))
}

func (q Funnel) funnelGroups(history map[string][]passing, best []Attempt) []Group {
	var combinations [][]*string
	for _, a := range best {
		combinations = append(combinations, a.Values)
	}
	inAll := q.best(history, func(Attempt) string { return "" })
	return q.groups(combinations, func(values []*string) *float64 {
		n := 0
		for _, a := range inAll {
			if combination(a.Values) == combination(values) {
				n++
			}
		}
		return rounded(whole(n))
	})
}

// row is that of a step, for the best attempts of some users.
func (q Funnel) row(of []Attempt, step int) FunnelRow {
	row := FunnelRow{Step: step}
	if q.Order != "any" {
		name := q.Steps[step-1].Name
		if name == "" {
			name = cmp.Or(strings.Join(q.Steps[step-1].Types, "|"), "*")
		}
		row.Name = &name
	}
	before := 0
	var took []*big.Rat
	sum := new(big.Rat)
	for _, a := range of {
		if step > 1 && a.reached(step-1) {
			before++
		}
		if !a.reached(step) {
			continue
		}
		row.Users++
		if step > 1 {
			seconds := secondsOf(a.Times[step-1].Sub(a.Times[step-2]))
			took = append(took, seconds)
			sum.Add(sum, seconds)
		}
	}
	row.Rate = divided(whole(row.Users), len(of))
	if step == 1 {
		row.StepRate = row.Rate
	} else {
		row.StepRate = divided(whole(row.Users), before)
	}
	if len(took) > 0 {
		row.Avg, row.Median = divided(sum, len(took)), rounded(quantile(big.NewRat(1, 2), took))
	}
	return row
}

func secondsOf(d time.Duration) *big.Rat { return big.NewRat(d.Microseconds(), 1_000_000) }

// Times computes the rows of view=times by group, bin.
func (q Funnel) Times(events []Event) []FunnelTime {
	q.Interval = "all"
	history := q.history(events)
	best := q.best(history, func(a Attempt) string { return a.Bucket })
	edges := q.edges()
	rows := []FunnelTime{}
	if len(q.labels()) == 0 {
		return rows
	}
	groups := q.funnelGroups(history, best)
	for g, group := range groups {
		of := slices.DeleteFunc(slices.Clone(best), func(a Attempt) bool { return !has(groups, g, combination(a.Values)) })
		if len(of) == 0 && !q.Fill {
			continue
		}
		for i := range len(edges) - 1 {
			from, to := edges[i], edges[i+1]
			row := FunnelTime{Group: group, From: *rounded(from), To: *rounded(to)}
			for _, a := range of {
				if !a.reached(len(q.Steps)) {
					continue
				}
				took := secondsOf(a.Times[len(q.Steps)-1].Sub(a.Times[0]))
				if took.Cmp(from) >= 0 && (took.Cmp(to) < 0 || i == len(edges)-2 && took.Cmp(to) == 0) {
					row.Users++
				}
			}
			rows = append(rows, row)
		}
	}
	return rows
}

func (q Funnel) edges() (edges []*big.Rat) {
	for _, text := range q.Bins {
		edges = append(edges, rational(text))
	}
	if len(edges) > 0 {
		return edges
	}
	window := secondsOf(q.Window)
	for _, seconds := range []int{0, 60, 300, 900, 3600, 10800, 43200, 86400, 259200, 604800, 2592000} {
		if whole(seconds).Cmp(window) < 0 {
			edges = append(edges, whole(seconds))
		}
	}
	return append(edges, window)
}

// Cells are the values of a row as the columns of the question have them.
func (q Funnel) Cells(r FunnelRow) []any {
	var row []any
	if q.Interval != "all" {
		row = append(row, r.Bucket)
	}
	row = append(row, q.groupCells(r.Group)...)
	return append(row, r.Step, orNull(r.Name), r.Users, orNull(r.Rate), orNull(r.StepRate), orNull(r.Avg), orNull(r.Median), r.Incomplete)
}

// TimeCells are the values of a row of view=times.
func (q Funnel) TimeCells(r FunnelTime) []any {
	return append(q.groupCells(r.Group), r.From, r.To, r.Users)
}

func (q Funnel) groupCells(g Group) (cells []any) {
	if len(q.Breakdown) == 0 {
		return nil
	}
	for _, v := range g.Values {
		cells = append(cells, orNull(v))
	}
	return append(cells, g.Name)
}

// best returns the best attempt of each unit in each bucket: of those that are not void the
// one that got furthest, of several the earliest.
func (q Funnel) best(history map[string][]passing, bucket func(Attempt) string) []Attempt {
	var all []Attempt
	for _, unit := range slices.Sorted(maps.Keys(history)) {
		best := map[string]Attempt{}
		for _, a := range q.attempts(history[unit]) { // the earliest first
			key := bucket(a)
			if known, ok := best[key]; !ok || len(a.Times) > len(known.Times) {
				best[key] = a
			}
		}
		for _, key := range slices.Sorted(maps.Keys(best)) {
			a := best[key]
			a.Unit = unit
			all = append(all, a)
		}
	}
	return all
}
