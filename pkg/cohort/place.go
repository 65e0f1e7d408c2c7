package cohort

import (
	"fmt"
	"slices"

	"eventanalytics/pkg/syntax"
)

// Place is where something names a cohort, as filter.any[0].
type Place struct{ Path, Name string }

// Places returns where a filter that is at a path names cohorts.
func Places(path string, f syntax.Filter) []Place {
	switch f.Form {
	case syntax.Holds:
		if f.Condition.Field.Source != syntax.Cohort {
			return nil
		}
		return []Place{{path, f.Condition.Field.Name}}
	case syntax.DidSo:
		return Places(path+".did.filter", f.Did.Series.Filter)
	case syntax.ReachedSo:
		funnel := &f.Reached.Funnel
		all := Places(path+".funnel.filter", funnel.Filter)
		for i, s := range funnel.Steps {
			all = append(all, Places(fmt.Sprintf("%s.funnel.steps[%d].filter", path, i), s.Filter)...)
		}
		for i, x := range funnel.Exclude {
			all = append(all, Places(fmt.Sprintf("%s.funnel.exclude[%d].filter", path, i), x.Filter)...)
		}
		return all
	case syntax.Not:
		return Places(path+".not", f.Of[0])
	case syntax.Any:
		path += ".any"
	}
	var all []Place
	for i, one := range f.Of {
		all = append(all, Places(fmt.Sprintf("%s[%d]", path, i), one)...)
	}
	return all
}

// NamesOf returns the cohorts that are named, each once, in order.
func NamesOf(places []Place) []string {
	names := make([]string, len(places))
	for i, p := range places {
		names[i] = p.Name
	}
	slices.Sort(names)
	return slices.Compact(names)
}
