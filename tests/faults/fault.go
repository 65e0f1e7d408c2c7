package faults

import (
	"context"
	"math/rand/v2"
	"regexp"
	"slices"
)

// strike is what a fault does.
type strike func(ctx context.Context, c *cluster, rng *rand.Rand) (struck bool, err error)

// fault is something that goes wrong while clients post.
type fault struct {
	name string
	// strike makes it happen and returns when it is over but not yet healed: a
	// killed process may still be down. It reports whether the fault did happen.
	strike strike
}

// kinds are the faults of a run. Those at failpoints are kept apart: there are many
// of them, and every second round has one.
type kinds struct{ points, others []fault }

func selected(only *regexp.Regexp) kinds {
	keep := func(all []fault) (kept []fault) {
		for _, f := range all {
			if only == nil || only.MatchString(f.name) {
				kept = append(kept, f)
			}
		}
		return kept
	}
	return kinds{keep(pointFaults()), keep(environmentFaults())}
}

// of returns the fault of a round.
func (k kinds) of(seed uint64) fault {
	of := k.points
	if len(of) == 0 || len(k.others) > 0 && seed%2 == 1 {
		of = k.others
	}
	return of[seed/2%uint64(len(of))]
}

// regressions are rounds that once found a bug. Every run ends with them.
var regressions = []struct {
	fault string
	seed  uint64
}{
	{"parquet file swapped", 63},
	{"everything killed", 25},
}

// named returns the fault with that name.
func named(name string) fault {
	for _, f := range slices.Concat(pointFaults(), environmentFaults()) {
		if f.name == name {
			return f
		}
	}
	panic("there is no fault " + name)
}
