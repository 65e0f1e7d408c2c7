package maintain

import (
	"sync"

	"eventanalytics/pkg/warehouse/segment"
)

// damage are the segments that are not rewritten during this term, so that they do
// not hold up the others. Its methods may be called at the same time.
type damage struct {
	dir string

	mu  sync.Mutex
	ids []int64
}

// add adds those of segments that are damaged and returns whether there were any.
func (d *damage) add(segments []segment.Segment) bool {
	found := false
	for _, s := range segments {
		if err := segment.Verify(d.dir, s); err != nil {
			d.mu.Lock()
			d.ids = append(d.ids, s.ID)
			d.mu.Unlock()
			found = true
		}
	}
	return found
}

func (d *damage) list() []int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]int64{}, d.ids...)
}
