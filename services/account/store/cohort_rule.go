package store

import (
	"fmt"

	"eventanalytics/pkg/refusal"
	"eventanalytics/pkg/syntax"
)

// aboutUsers refuses a filter with conditions that are not on users: what events have
// counts only in the series of what users did.
func aboutUsers(path string, f syntax.Filter) error {
	switch f.Form {
	case syntax.Holds:
		switch field := f.Condition.Field; field.Source {
		case syntax.UserProperty, syntax.FirstProperty, syntax.FirstSeen, syntax.LastSeen, syntax.Cohort:
			return nil
		default:
			return refusal.InvalidField("invalid-field", path, fmt.Sprintf("has a condition on %s: a cohort is a filter on users, with user.…, first.…, first_seen, last_seen, cohort:…, did and funnel", field))
		}
	case syntax.DidSo, syntax.ReachedSo: // its series, or steps, are about events
		return nil
	case syntax.Not:
		return aboutUsers(path+".not", f.Of[0])
	}
	inside := path
	if f.Form == syntax.Any {
		inside += ".any"
	}
	for i, one := range f.Of {
		if err := aboutUsers(fmt.Sprintf("%s[%d]", inside, i), one); err != nil {
			return err
		}
	}
	return nil
}
