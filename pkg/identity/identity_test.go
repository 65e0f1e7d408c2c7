package identity_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/identity"
)

type step struct {
	kind     identity.Kind
	from, to string
	refused  identity.Reason
}

// apply applies steps and compares what is refused.
func apply(t *testing.T, f *identity.Forest, steps ...step) {
	t.Helper()
	for i, s := range steps {
		got := f.Apply(identity.Claim{Kind: s.kind, From: s.from, To: s.to})
		require.Equal(t, s.refused, got.Refused, "step %d: %v", i, s)
	}
}

func TestRules(t *testing.T) {
	t.Parallel()
	const known, link, merge, unlink = identity.Known, identity.Link, identity.Merge, identity.Unlink
	for name, tt := range map[string]struct {
		steps []step
		roots map[string]string
	}{
		"an anonymous id joins a known one": {
			[]step{{known, "ann", "", ""}, {link, "a1", "ann", ""}},
			map[string]string{"a1": "ann", "ann": "ann"},
		},
		"the first link of an id wins": {
			[]step{{link, "a1", "ann", ""}, {link, "a1", "ben", identity.AlreadyLinked}, {merge, "a1", "ben", identity.AlreadyLinked}},
			map[string]string{"a1": "ann", "ben": "ben"},
		},
		"the same again is nothing new": {
			[]step{{link, "a1", "ann", ""}, {link, "a1", "ann", ""}, {merge, "a1", "ann", ""}, {link, "ann", "ann", ""}},
			map[string]string{"a1": "ann"},
		},
		"a known id is swallowed only by who says so": {
			[]step{{known, "ann", "", ""}, {known, "ben", "", ""}, {link, "ann", "ben", identity.IsKnown}, {merge, "ann", "ben", ""}},
			map[string]string{"ann": "ben"},
		},
		"an id that becomes known keeps its link": {
			[]step{{link, "a1", "ann", ""}, {known, "a1", "", ""}},
			map[string]string{"a1": "ann"},
		},
		"links follow each other": {
			[]step{{link, "a1", "a2", ""}, {link, "a2", "ann", ""}, {merge, "ann", "ben", ""}},
			map[string]string{"a1": "ben", "a2": "ben", "ann": "ben"},
		},
		"no circle": {
			[]step{{link, "a1", "a2", ""}, {link, "a2", "a3", ""}, {merge, "a3", "a1", identity.Cycle}},
			map[string]string{"a1": "a3", "a3": "a3"},
		},
		"junk is nobody": {
			[]step{{link, "null", "ann", identity.Junk}, {merge, "a1", "Undefined", identity.Junk}, {link, "$device:0", "ann", identity.Junk},
				{link, "v:0123456789abcdef", "ann", identity.Junk}},
			map[string]string{"null": "null", "a1": "a1"},
		},
		"a link that was taken back stays so": {
			[]step{{link, "a1", "ann", ""}, {unlink, "a1", "ben", ""}, {unlink, "a1", "ann", ""}, {link, "a1", "ann", identity.AlreadyLinked}, {link, "a1", "ben", identity.AlreadyLinked}},
			map[string]string{"a1": "a1"},
		},
		"until somebody says so": {
			[]step{{link, "a1", "ann", ""}, {unlink, "a1", "ann", ""}, {merge, "a1", "ben", ""}},
			map[string]string{"a1": "ben"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := identity.NewForest(nil)
			apply(t, f, tt.steps...)
			for id, root := range tt.roots {
				require.Equal(t, root, f.Root(id), id)
			}
		})
	}
}

func TestMaxLinks(t *testing.T) {
	t.Parallel()
	f := identity.NewForest(nil)
	f.MaxLinks = 1
	apply(t, f, step{identity.Link, "a", "ann", ""}, step{identity.Link, "b", "ann", identity.TooMany},
		step{identity.Unlink, "a", "ann", ""}, step{identity.Link, "b", "ann", ""})
}

// Whatever is claimed, there is no circle, and what SDKs claim may be claimed again at
// any time.
func TestClaimsAtRandom(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	id := func() string { return fmt.Sprint("u", rnd.IntN(12)) }
	for range 2_000 {
		f := identity.NewForest(nil)
		var before []identity.Claim
		for range 40 {
			kind := []identity.Kind{identity.Known, identity.Link, identity.Link, identity.Merge}[rnd.IntN(4)]
			c := identity.Claim{Kind: kind, From: id(), To: id()}
			f.Apply(c)
			before = append(before, c)
		}
		persons := f.Persons() // ends, so that there is no circle
		for _, i := range rnd.Perm(len(before)) {
			if c := before[i]; c.Kind != identity.Merge {
				require.False(t, f.Apply(c).Changed, "%v", c)
			}
		}
		require.Equal(t, persons, f.Persons())
	}
}
