package maintain

import (
	"context"
	"errors"
	"sync"

	"eventanalytics/pkg/warehouse/segment"
)

// damage are the segments that are not rewritten during this term, so that they do
// not hold up the others. Its methods may be called at the same time.
type damage struct {
	folder *segment.Folder

	mu  sync.Mutex
	ids []int64
}

// add adds those of segments that are damaged and returns whether there were any.
func (d *damage) add(ctx context.Context, segments []segment.Segment) bool {
	found := false
	for _, s := range segments {
		if d.isDamaged(ctx, s) {
			d.mu.Lock()
			d.ids = append(d.ids, s.ID)
			d.mu.Unlock()
			found = true
		}
	}
	return found
}

func (d *damage) isDamaged(ctx context.Context, s segment.Segment) bool {
	release, err := d.folder.Hold(ctx, s.ProjectID, s.EventsFile())
	if err != nil {
		return errors.Is(err, segment.ErrQuarantined)
	}
	defer release()
	err = d.folder.Verify(ctx, s.ProjectID, s.EventsFile())
	return err != nil && !errors.Is(err, segment.ErrUnavailable)
}

func (d *damage) list() []int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]int64{}, d.ids...)
}
