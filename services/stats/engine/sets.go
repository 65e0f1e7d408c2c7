package engine

import (
	"github.com/RoaringBitmap/roaring/v2"

	"eventanalytics/services/stats/kept"
)

// Sets keeps the sets of users that filters came to, under keys that have the version of
// the project's data.
type Sets = kept.Cache[*roaring.Bitmap]

// NewSets makes a cache of up to budget bytes.
func NewSets(budget int64) *Sets { return kept.New[*roaring.Bitmap](budget) }

// sizeOf is what a set takes, about.
func sizeOf(key string, users *roaring.Bitmap) int64 {
	const entry = 200
	return entry + int64(len(key)) + int64(users.GetSizeInBytes())
}
