package walk

import (
	"sync"

	"github.com/RoaringBitmap/roaring/v2"

	"eventanalytics/services/stats/engine"
)

// codes number what sets have, other than users: in all scans of an engine the same.
type codes struct {
	mu  sync.Mutex
	all map[string]*numbering
}

func (c *codes) of(counted string) *numbering {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil {
		c.all = map[string]*numbering{}
	}
	if c.all[counted] == nil {
		c.all[counted] = &numbering{codes: map[string]uint32{}}
	}
	return c.all[counted]
}

// numbering numbers texts.
type numbering struct {
	mu    sync.Mutex
	codes map[string]uint32
	bytes int
}

// set returns the set of the texts that have some numbers in a scan.
func (n *numbering) set(ids *roaring.Bitmap, in *texts) (*roaring.Bitmap, error) {
	set := roaring.New()
	if ids == nil {
		return set, nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for it := ids.Iterator(); it.HasNext(); {
		text := in.all[it.Next()]
		code, ok := n.codes[text]
		if !ok {
			if n.bytes += textBytes + len(text); n.bytes > engine.MaxBytes {
				return nil, engine.ErrTooLarge
			}
			code = uint32(len(n.codes))
			n.codes[text] = code
		}
		set.Add(code)
	}
	return set, nil
}
