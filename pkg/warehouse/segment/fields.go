package segment

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"eventanalytics/pkg/warehouse/pages"
)

// CheckFieldIDs says whether the columns of a segment's Parquet file below the warehouse
// folder dir have the ids that they have in ids, by their names. The error is ErrQuarantined
// when one has another, or none.
func CheckFieldIDs(dir string, s Segment, ids map[string]int32) error {
	f, err := os.Open(filepath.Join(dir, s.Path))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrQuarantined, err)
	}
	defer f.Close()
	found, err := pages.FieldIDs(f, s.Bytes)
	if errors.Is(err, pages.ErrDamaged) {
		return fmt.Errorf("%w: %s: %w", ErrQuarantined, s.Path, err)
	}
	if err != nil {
		return fmt.Errorf("reading the columns of %s: %w", s.Path, err)
	}
	for name, id := range found {
		if want := ids[name]; id == 0 || id != want {
			return fmt.Errorf("%w: the column %q of %s has the id %d instead of %d", ErrQuarantined, name, s.Path, id, want)
		}
	}
	return nil
}
