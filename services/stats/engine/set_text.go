package engine

import (
	"fmt"
	"slices"
	"strings"

	"eventanalytics/pkg/syntax"
)

// textOf tells filters apart, by everything that decides about their users but the end of
// the period.
func (r *resolver) textOf(f syntax.Filter) string {
	var b strings.Builder
	r.write(&b, f)
	return b.String()
}

func (r *resolver) write(b *strings.Builder, f syntax.Filter) {
	fmt.Fprintf(b, "(%s", f.Form)
	switch f.Form {
	case syntax.Holds:
		c := f.Condition
		fmt.Fprintf(b, " %s %q %s %q", c.Field.Source, c.Field.Keys, c.Op, c.Values)
		if c.Field.Source == syntax.Cohort {
			b.WriteString(" " + r.Named[c.Field.Name].Key)
			if r.looksAtFunnels(f, map[string]bool{}) {
				fmt.Fprint(b, " ", r.period.From, " ", r.period.To)
			}
		}
	case syntax.DidSo:
		d := f.Did
		r.writeSeries(b, d.Series)
		fmt.Fprintf(b, " %s %d %s", d.Op, d.Times, d.Last)
	case syntax.ReachedSo:
		funnel := &f.Reached.Funnel
		fmt.Fprintf(b, " %d %d %d %t %s %s", r.period.From, r.period.To, f.Reached.Step, f.Reached.Dropped, funnel.Window, funnel.Order)
		r.write(b, funnel.Filter)
		for _, s := range funnel.Steps {
			r.writeSeries(b, s)
		}
		for _, x := range funnel.Exclude {
			r.writeSeries(b, syntax.Series{Events: x.Events, Filter: x.Filter})
			fmt.Fprintf(b, " %d %d", x.After, x.Before)
		}
	}
	for _, one := range f.Of {
		r.write(b, one)
	}
	b.WriteByte(')')
}

func (r *resolver) writeSeries(b *strings.Builder, s syntax.Series) {
	fmt.Fprintf(b, " [%q %t ", s.Events, s.First)
	r.write(b, s.Filter)
	b.WriteByte(']')
}

// looksAtFunnels says whether something in a filter, or in a cohort that it names, is about
// funnels, for which it matters where the period begins. It looks into each cohort once.
func (r *resolver) looksAtFunnels(f syntax.Filter, seen map[string]bool) bool {
	inside := func(one syntax.Filter) bool { return r.looksAtFunnels(one, seen) }
	switch f.Form {
	case syntax.ReachedSo:
		return true
	case syntax.DidSo:
		return inside(f.Did.Series.Filter)
	case syntax.Holds:
		name := f.Condition.Field.Name
		if f.Condition.Field.Source != syntax.Cohort || seen[name] {
			return false
		}
		seen[name] = true
		return inside(r.Named[name].Filter)
	}
	return slices.ContainsFunc(f.Of, inside)
}
