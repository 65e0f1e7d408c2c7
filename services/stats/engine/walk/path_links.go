package walk

import (
	"cmp"
	"context"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"eventanalytics/services/stats/engine"
)

// nodeCounts are the numbers of paths at each node, by step, of the users of a goroutine.
type nodeCounts struct {
	memory
	node   *field
	counts [][]int64 // by step from 0, then by the number of the node's value
	// tapes have the paths: of each the user, the number of nodes, and these.
	tapes [][]uint32
	room  int // for so many numbers more; below 0: there are more paths than are kept
}

// tapeLength is how many numbers a tape has: a longer one would be moved often.
const tapeLength = 32 << 10

// record keeps a path, so that it need not be found again.
func (c *nodeCounts) record(user uint32, nodes []uint32) error {
	if c.room -= 2 + len(nodes); c.room < 0 {
		c.tapes = nil
		return nil
	}
	last := len(c.tapes) - 1
	if last < 0 || len(c.tapes[last])+2+len(nodes) > tapeLength {
		if err := c.spend(4 * tapeLength); err != nil {
			return err
		}
		c.tapes = append(c.tapes, make([]uint32, 0, tapeLength))
		last++
	}
	c.tapes[last] = append(append(c.tapes[last], user, uint32(len(nodes))), nodes...)
	return nil
}

// play calls take with the paths that are kept.
func (c *nodeCounts) play(take taken) error {
	for _, tape := range c.tapes {
		for len(tape) > 0 {
			end := 2 + tape[1]
			if err := take(tape[0], tape[2:end]); err != nil {
				return err
			}
			tape = tape[end:]
		}
	}
	return nil
}

func (c *nodeCounts) take(user uint32, nodes []uint32) error {
	if err := c.record(user, nodes); err != nil {
		return err
	}
	for step, node := range nodes {
		if more := int(node) + 1 - len(c.counts[step]); more > 0 {
			more += len(c.counts[step]) / 2
			c.counts[step] = append(c.counts[step], make([]int64, more)...)
			if err := c.spend(8 * more); err != nil {
				return err
			}
		}
		c.counts[step][node]++
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
	last         int64 // user counted last, and 1
}

// pathLinks are the links of the paths of a goroutine's users.
type pathLinks struct {
	steps  int
	places [][]uint8 // by step from 0, then by the number of a node's value: its place among those told apart, or behind them
	told   []int     // by step, how many there are
	links  [][]link  // by step, then by source and target
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

func (l *pathLinks) take(user uint32, nodes []uint32) error {
	source := l.place(0, nodes[0])
	for step := range min(len(nodes), l.steps-1) {
		target := l.told[step+1] + 1
		if step+1 < len(nodes) {
			target = l.place(step+1, nodes[step+1])
		}
		one := &l.links[step][source*l.width(step)+target]
		one.paths++
		if one.last != int64(user)+1 {
			one.last = int64(user) + 1
			one.users++
		}
		source = target
	}
	return nil
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
	for step, links := range parts[0].links {
		begin, width := len(result.Rows), parts[0].width(step)
		for at := range links {
			sum := engine.PathLink{Step: step + 1, Source: nodeAt(top[step], at/width), Target: nodeAt(top[step+1], at%width)}
			for _, part := range parts {
				sum.Paths += part.links[step][at].paths
				sum.Users += part.links[step][at].users
			}
			if sum.Paths == 0 {
				continue
			}
			if err := result.Add(sum, sum.Source.Value, sum.Target.Value); err != nil {
				return nil, err
			}
		}
		slices.SortFunc(result.Rows[begin:], compareLinks)
	}
	return result.Rows, nil
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

// compareLinks puts those of the most paths first.
func compareLinks(a, b engine.PathLink) int {
	return cmp.Or(cmp.Compare(b.Paths, a.Paths), compareNodes(a.Source, b.Source), compareNodes(a.Target, b.Target))
}

func compareNodes(a, b engine.PathNode) int {
	return cmp.Or(cmp.Compare(a.Place, b.Place), a.Compare(b.Text))
}
