package engine

import (
	"context"
	"fmt"

	"github.com/RoaringBitmap/roaring/v2"
)

// gathering are scans that look at the same history and wait for no other.
type gathering struct {
	scans []Doers
	keys  []string
}

// together serves the scans of what users did that find needs, and that look at no set, at
// once, so that an engine can go through the history once for several. What depends on their
// users is found later.
func (r *resolver) together(ctx context.Context, find func(*resolver) error) error {
	first := *r
	first.sets, first.scanned, first.gathering = map[string]Set{}, map[string]*roaring.Bitmap{}, &gathering{}
	if err := find(&first); err != nil {
		return err
	}
	g := first.gathering
	if len(g.scans) < 2 {
		return nil
	}
	found, err := serve(r.Source, func(e Engine) ([]*roaring.Bitmap, error) { return e.Doers(ctx, g.scans) })
	if err != nil {
		return err
	}
	for i, users := range found {
		r.put(g.keys[i], users)
	}
	return nil
}

// doers serves a scan whose filter has a text, from what is known where it can.
func (r *resolver) doers(ctx context.Context, d Doers, filter string) (*roaring.Bitmap, error) {
	key := fmt.Sprintf("%s %s %d %d %q %t %d %t %s", r.Data, r.zone, d.Since, d.Until, d.Types, d.First, d.Times, d.Exactly, filter)
	if users, ok := r.get(key); ok {
		return users, nil
	}
	if g := r.gathering; g != nil {
		if !looksAtSets(d.Filter) {
			g.scans, g.keys = append(g.scans, d), append(g.keys, key)
			r.scanned[key] = roaring.New() // once
		}
		return roaring.New(), nil
	}
	d.Sets = r.sets
	found, err := serve(r.Source, func(e Engine) ([]*roaring.Bitmap, error) { return e.Doers(ctx, []Doers{d}) })
	if err != nil {
		return nil, err
	}
	r.put(key, found[0])
	return found[0], nil
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
