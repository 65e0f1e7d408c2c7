package engine

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/syntax"
	"eventanalytics/pkg/traits"
)

// sayings are what is said of keys, in the order in which it is told.
type sayings []one

func (sayings) Of(context.Context, []string) (properties, groups []map[string]traits.Property, err error) {
	return nil, nil, nil
}

func (s sayings) Named(_ context.Context, _ string, each func(uint32, traits.Property) error) error {
	for _, said := range s {
		if err := each(said.key, said.Property); err != nil {
			return err
		}
	}
	return nil
}

// family is a person of the keys 1, 2 and 3, of which 1 is the root; 4 is alone.
type family struct{}

func (family) Person(context.Context, string) (*Person, error)  { return nil, nil }
func (family) Names(context.Context) (map[uint32]string, error) { return nil, nil }
func (family) IsRoot(key uint32) bool                           { return key == 1 }
func (family) Root(key uint32) uint32 {
	if key < 4 {
		return 1
	}
	return key
}

// Of a person with several ids that counts which the rules say, in whatever order it is read.
func TestOperationsOfPersons(t *testing.T) {
	t.Parallel()
	said := func(key uint32, value string, once bool, at int64) one {
		return one{key, traits.Property{Value: value, Once: once, Since: traits.Place{Seq: at}}}
	}
	for name, c := range map[string]struct {
		said sayings
		want string
	}{
		"the root's":           {sayings{said(1, "1", false, 1), said(2, "2", false, 2)}, "1"},
		"removed of the root":  {sayings{said(1, "", false, 1), said(2, "2", false, 2)}, ""},
		"the last of others":   {sayings{said(2, "2", false, 5), said(3, "3", false, 7)}, "3"},
		"the first given once": {sayings{said(1, "1", true, 9), said(2, "2", true, 3)}, "2"},
	} {
		for range 2 {
			s := &Source{Traits: append(c.said, said(4, "4", false, 1)), People: family{}}
			f := syntax.Field{Source: syntax.UserProperty, Keys: []string{"plan"}}
			var scope Scope
			require.NoError(t, s.say(t.Context(), &scope, []syntax.Field{f}))
			told := scope.Operations.Of(f)
			require.Equal(t, []uint32{1, 4}, told.Users.ToArray(), name)
			require.Equal(t, c.want, told.Value(1).JSON(), name)
			require.Equal(t, "4", told.Value(4).JSON(), name)
			require.Nil(t, scope.Operations.Of(syntax.Field{Source: syntax.FirstProperty, Keys: f.Keys}))
			slices.Reverse(c.said)
		}
	}
}
