package engine

import (
	"context"
	"fmt"

	"github.com/RoaringBitmap/roaring/v2"
)

// doers serves a scan whose filter has a text, from what is known where it can.
func (r *resolver) doers(ctx context.Context, d Doers, filter string) (*roaring.Bitmap, error) {
	key := fmt.Sprintf("%s %s %d %d %q %t %d %t %s", r.Data, r.zone, d.Since, d.Until, d.Types, d.First, d.Times, d.Exactly, filter)
	if users, ok := r.get(key); ok {
		return users, nil
	}
	d.Sets = r.sets
	users, err := serve(ctx, r.Source, func(e Engine) (*roaring.Bitmap, error) { return e.Doers(ctx, d) })
	if err != nil {
		return nil, err
	}
	r.put(key, users)
	return users, nil
}

// get returns the users that a scan came to, here or in the cache.
func (r *resolver) get(key string) (users *roaring.Bitmap, ok bool) {
	if users, ok = r.scanned[key]; !ok {
		users, ok = r.Kept.Get(r.Project, key)
	}
	return users, ok
}

func (r *resolver) put(key string, users *roaring.Bitmap) {
	users.RunOptimize()
	r.scanned[key] = users
	r.Kept.Keep(r.Project, key, users, sizeOf(key, users))
}
