package engine

import (
	"github.com/RoaringBitmap/roaring/v2"

	"eventanalytics/pkg/property"
	"eventanalytics/pkg/syntax"
)

// Set is a set of a project's users.
type Set struct {
	// Users are keys of users. It must not be changed.
	Users *roaring.Bitmap
	// Except says that the set is everybody else.
	Except bool
}

// nobody is the set without users.
func nobody() Set { return Set{Users: roaring.New()} }

// Has says whether a user is in the set.
func (s Set) Has(key uint32) bool { return s.Users.Contains(key) != s.Except }

// not returns the set of all who are not in s.
func (s Set) not() Set { return Set{s.Users, !s.Except} }

// or returns the set of those who are in one of two.
func (s Set) or(t Set) Set {
	switch {
	case s.Except && t.Except:
		return Set{roaring.And(s.Users, t.Users), true}
	case s.Except:
		return Set{roaring.AndNot(s.Users, t.Users), true}
	case t.Except:
		return Set{roaring.AndNot(t.Users, s.Users), true}
	}
	return Set{roaring.Or(s.Users, t.Users), false}
}

// and returns the set of those who are in both of two.
func (s Set) and(t Set) Set { return s.not().or(t.not()).not() }

var yes, no = property.Find("true", nil), property.Find("false", nil)

// InSet returns the value that a field of the source syntax.Cohort has for users in its
// set, or for the others.
func InSet(in bool) property.Value {
	if in {
		return yes
	}
	return no
}

// Holding returns the users for whom a condition on a field of the source syntax.Cohort
// holds.
func (s Scope) Holding(c syntax.Condition) Set { return holding(s.Sets[c.Field.Name], c.Test(s.Zone)) }

func holding(set Set, test *syntax.Test) Set {
	switch in, out := test.Holds(yes), test.Holds(no); {
	case in && out:
		return nobody().not()
	case in:
		return set
	case out:
		return set.not()
	}
	return nobody()
}
