package walk

import (
	"cmp"
	"context"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"eventanalytics/services/stats/engine"
	"eventanalytics/services/stats/engine/walk/path"
)

// nodeCounts are the numbers of paths at each node, by step, of the users of a goroutine.
type nodeCounts struct {
	memory
	node   *field
	counts [][]int64 // by step from 0, then by the number of the node's value
	// tapes have the paths: of each user the number of nodes, and these.
	tapes [][]uint32
	room  int // for so many numbers more; below 0: there are more paths than are kept
}

// tapeLength is how many numbers a tape has, unless a user has more: a longer one would be
// moved often.
const tapeLength = 32 << 10

// record keeps a user's paths, so that they need not be found again.
func (c *nodeCounts) record(nodes []uint32) error {
	if c.room -= 1 + len(nodes); c.room < 0 {
		c.tapes = nil
		return nil
	}
	last := len(c.tapes) - 1
	if last < 0 || len(c.tapes[last])+1+len(nodes) > cap(c.tapes[last]) {
		length := max(tapeLength, 1+len(nodes))
		if err := c.spend(4 * length); err != nil {
			return err
		}
		c.tapes = append(c.tapes, make([]uint32, 0, length))
		last++
	}
	c.tapes[last] = append(append(c.tapes[last], uint32(len(nodes))), nodes...)
	return nil
}

// play calls take with the paths that are kept.
func (c *nodeCounts) play(take taken) error {
	for _, tape := range c.tapes {
		for len(tape) > 0 {
			end := 1 + tape[0]
			if err := take(tape[1:end]); err != nil {
				return err
			}
			tape = tape[end:]
		}
	}
	return nil
}

func (c *nodeCounts) take(nodes []uint32) error {
	if err := c.record(nodes); err != nil {
		return err
	}
	step := 0
	for _, node := range nodes {
		id := int(node &^ path.Last)
		if more := id + 1 - len(c.counts[step]); more > 0 {
			more += len(c.counts[step]) / 2
			c.counts[step] = append(c.counts[step], make([]int64, more)...)
			if err := c.spend(8 * more); err != nil {
				return err
			}
		}
		c.counts[step][id]++
		if step++; node&path.Last != 0 {
			step = 0
		}
	}
	return nil
}

// count finds the paths, and counts those at each node.
func (s *paths) count(ctx context.Context) (parts []*nodeCounts, err error) {
	err = s.each(ctx, func(node *field) taken {
		part := &nodeCounts{memory: memory{budget: s.budget}, node: node, counts: make([][]int64, s.Steps), room: s.room}
		parts = append(parts, part)
		return part.take
	})
	return parts, err
}

// topNodes returns the nodes that are told apart, by step from 0, in their order.
func (s *paths) topNodes(ctx context.Context, parts []*nodeCounts) ([][]engine.Text, error) {
	top := make([][]engine.Text, s.Steps)
	budget := memory{budget: s.budget}
	for step := range top {
		paths := map[engine.Text]int64{} // the numbers of values are not those of another walk
		for _, part := range parts {
			for id, n := range part.counts[step] {
				if n == 0 {
					continue
				}
				paths[part.node.texts.text(uint32(id))] += n
				if err := budget.spend(textBytes); err != nil {
					return nil, err
				}
			}
		}
		for node := range paths {
			top[step] = append(top[step], node)
		}
		slices.SortFunc(top[step], func(a, b engine.Text) int {
			return cmp.Or(cmp.Compare(paths[b], paths[a]), a.Compare(b))
		})
		top[step] = slices.Clip(top[step][:min(s.Top, len(top[step]))])
	}
	return top, nil
}

// link is what goes from one place to another.
type link struct {
	paths, users int64
	last         int // user counted last
}

// pathLinks are the links of the paths of a goroutine's users.
type pathLinks struct {
	steps  int
	places [][]uint8 // by step from 0, then by the number of a node's value: its place among those told apart, or behind them
	told   []int     // by step, how many there are
	links  [][]link  // by step, then by source and target
	user   int       // how many had paths so far
}

func (s *paths) pathLinks(node *field, top [][]engine.Text) *pathLinks {
	l := &pathLinks{steps: s.Steps}
	for _, nodes := range top {
		var places []uint8
		for place, text := range nodes {
			id, ok := node.find(text)
			if !ok {
				continue // other walks have met it
			}
			for len(places) <= int(id) {
				places = append(places, uint8(len(nodes)))
			}
			places[id] = uint8(place)
		}
		l.places, l.told = append(l.places, places), append(l.told, len(nodes))
	}
	for step := range s.Steps - 1 {
		l.links = append(l.links, make([]link, (l.told[step]+1)*l.width(step)))
	}
	return l
}

// width is how many targets there are at the source's step: nodes, others and the end.
func (l *pathLinks) width(step int) int { return l.told[step+1] + 2 }

func (l *pathLinks) place(step int, node uint32) int {
	if places := l.places[step]; int(node) < len(places) {
		return int(places[node])
	}
	return l.told[step]
}

func (l *pathLinks) take(nodes []uint32) error {
	l.user++
	step, source := 0, 0
	for _, node := range nodes {
		place := l.place(step, node&^path.Last)
		if step > 0 {
			l.count(step-1, source, place)
		}
		source = place
		if step++; node&path.Last == 0 {
			continue
		}
		if step < l.steps {
			l.count(step-1, source, l.told[step]+1)
		}
		step = 0
	}
	return nil
}

// count counts a link of the user's paths.
func (l *pathLinks) count(step, source, target int) {
	one := &l.links[step][source*l.width(step)+target]
	one.paths++
	if one.last != l.user {
		one.last = l.user
		one.users++
	}
}

// link counts the links between nodes, of the paths that were kept. When there were too
// many, all are found again.
func (s *paths) link(ctx context.Context, counted []*nodeCounts, top [][]engine.Text) (parts []*pathLinks, err error) {
	begin := func(node *field) taken {
		part := s.pathLinks(node, top)
		parts = append(parts, part)
		return part.take
	}
	if slices.ContainsFunc(counted, func(c *nodeCounts) bool { return c.room < 0 }) {
		err = s.each(ctx, begin)
		return parts, err
	}
	g := errgroup.Group{}
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, c := range counted {
		take := begin(c.node)
		g.Go(func() error { return c.play(take) })
	}
	return parts, g.Wait()
}

// sum returns the links of all parts together, in their order.
func (s *paths) sum(ctx context.Context, parts []*pathLinks, top [][]engine.Text) ([]engine.PathLink, error) {
	if len(parts) == 0 {
		return nil, nil
	}
	result := engine.NewResult[engine.PathLink](ctx)
	for step := range s.Steps - 1 {
		sources, targets := placeOrder(top[step]), placeOrder(top[step+1])
		sums := sumLinks(parts, step)
		var order []linkOrder
		for at, sum := range sums {
			if sum.paths > 0 {
				source, target := at/len(targets), at%len(targets)
				order = append(order, linkOrder{sum.paths, sources[source]*len(targets) + targets[target], source, target})
			}
		}
		slices.SortFunc(order, linkOrder.compare)
		result.Rows = slices.Grow(result.Rows, len(order))
		for _, o := range order {
			sum := &sums[o.source*len(targets)+o.target]
			row := engine.PathLink{Step: step + 1, Source: nodeAt(top[step], o.source), Target: nodeAt(top[step+1], o.target), Paths: sum.paths, Users: sum.users}
			if err := result.Add(row, row.Source.Value, row.Target.Value); err != nil {
				return nil, err
			}
		}
	}
	return result.Rows, nil
}

// sumLinks adds the links of all parts at a step to those of the first.
func sumLinks(parts []*pathLinks, step int) []link {
	sums := parts[0].links[step]
	for _, part := range parts[1:] {
		for at, one := range part.links[step] {
			sums[at].paths += one.paths
			sums[at].users += one.users
		}
	}
	return sums
}

// placeOrder returns the number of each place at a step in the order of links, which is that
// of values: texts are compared for the nodes of a step, not for all links.
func placeOrder(told []engine.Text) []int {
	places := make([]int, len(told))
	for place := range places {
		places[place] = place
	}
	slices.SortFunc(places, func(a, b int) int { return told[a].Compare(told[b]) })
	order := make([]int, len(told), len(told)+2)
	for n, place := range places {
		order[place] = n
	}
	return append(order, len(told), len(told)+1) // others, and the end
}

// linkOrder is what links of a step are ordered by.
type linkOrder struct {
	paths          int64
	places         int // the order of the source, then that of the target
	source, target int
}

// compare puts those of the most paths first.
func (o linkOrder) compare(other linkOrder) int {
	if o.paths != other.paths {
		return cmp.Compare(other.paths, o.paths)
	}
	return cmp.Compare(o.places, other.places)
}

// nodeAt is the node in a place.
func nodeAt(told []engine.Text, place int) engine.PathNode {
	switch {
	case place < len(told):
		return engine.PathNode{Text: told[place]}
	case place == len(told):
		return engine.PathNode{Place: engine.Others, Text: engine.Text{Missing: true}}
	}
	return engine.PathNode{Place: engine.Ended, Text: engine.Text{Missing: true}}
}
