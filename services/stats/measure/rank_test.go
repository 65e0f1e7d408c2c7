package measure

import (
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/services/stats/engine"
)

// TestRank: the first groups are those that come first when all are sorted.
func TestRank(t *testing.T) {
	t.Parallel()
	g := random(t)
	for range 500 {
		all := make([]Ranking, g.IntN(60))
		for i, at := range g.Perm(len(all)) {
			all[i].Group = engine.Group{{Value: strconv.Itoa(at)}}
			if all[i].Value.Number = float64(g.IntN(5)); g.IntN(4) == 0 {
				all[i].Value = Value{Null: true}
			}
		}
		switch g.IntN(3) {
		case 0:
			slices.SortFunc(all, compare)
		case 1:
			slices.SortFunc(all, func(a, b Ranking) int { return compare(b, a) })
		}
		sorted := slices.Clone(all)
		slices.SortFunc(sorted, compare)
		top := g.IntN(40)
		var want []engine.Group
		for _, one := range sorted[:min(top, len(sorted))] {
			want = append(want, one.Group)
		}
		require.Equal(t, engine.Ranked{Groups: want, More: len(all) > top}, Rank(all, top))
	}
}

// TestRankOrder: the highest value comes first, none last, and of equal ones the group.
func TestRankOrder(t *testing.T) {
	t.Parallel()
	group := func(value string) engine.Group { return engine.Group{{Value: value, Missing: value == ""}} }
	ranked := Rank([]Ranking{
		{group("b"), null}, {group(""), Value{Number: 1}}, {group("a"), null}, {group("d"), Value{Number: 1}}, {group("e"), Value{Number: 2}}, {group("c"), Value{Number: 1}},
	}, 5)
	require.Equal(t, engine.Ranked{Groups: []engine.Group{group("e"), group("c"), group("d"), group(""), group("a")}, More: true}, ranked)
}
