package segment

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/uuid"

	"eventanalytics/pkg/warehouse/walk"
)

// ErrOutdated is returned for what a segment of an older version does not have. The
// leading worker makes it.
var ErrOutdated = errors.New("segment is of an older version")

// Users is the open file of a segment's events by user.
type Users struct {
	*walk.File
	info os.FileInfo // of the file that is open
}

// OpenUsers opens the file of a segment's events by user, which must be whole. before is
// what it returned earlier, or nil; while that is the file that is there, it is returned
// again. The error is ErrQuarantined, or ErrOutdated for a segment that has none, or one of
// an older version.
func (i *Integrity) OpenUsers(s Segment, before *Users) (*Users, error) {
	if s.Users == nil {
		return nil, fmt.Errorf("%w: %s has no events by user", ErrOutdated, s.Path)
	}
	file := s.UsersFile()
	path := filepath.Join(i.dir, file.Path)
	info, err := os.Stat(path)
	switch {
	case err == nil && before != nil && unchanged(before.info, info):
		i.folder.touch(file.Path)
		return before, nil
	case before != nil && i.folder.HasBucket() && errors.Is(err, os.ErrNotExist):
		return before, nil // the copy had to make room; it stays readable while it is open
	}
	release, err := i.HoldSoon(s.ProjectID, file)
	if err != nil {
		return nil, err
	}
	defer release()
	if i.folder.HasBucket() { // it may have been fetched just now
		info, _ = os.Stat(path) // Check says what is wrong
	}
	if err := i.Check(file); err != nil {
		return nil, err
	}
	opened, err := walk.Open(path, file.Bytes)
	if errors.Is(err, walk.ErrVersion) {
		return nil, fmt.Errorf("%w: %s: %w", ErrOutdated, file.Path, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrQuarantined, file.Path, err)
	}
	if after, err := os.Stat(path); err != nil || !unchanged(info, after) {
		return nil, fmt.Errorf("%w: %s changes while it is opened", ErrQuarantined, file.Path)
	}
	opened.IDs = i.eventIDs(s)
	opened.Changed = func() bool { return written(path, info) }
	return &Users{opened, info}, nil
}

// MakeUsers makes a segment's events by user in memory: its file is damaged, or it has
// none. The error is ErrQuarantined when its Parquet file is damaged, and ErrOutdated when
// that has no user keys.
func (i *Integrity) MakeUsers(ctx context.Context, s Segment) (*walk.File, error) {
	if s.RollUp == nil {
		return nil, fmt.Errorf("%w: %s has no user keys", ErrOutdated, s.Path)
	}
	release, err := i.Hold(ctx, s.ProjectID, s.EventsFile())
	if err != nil {
		return nil, err
	}
	defer release()
	if err := i.Check(s.EventsFile()); err != nil {
		return nil, err
	}
	var names []string // none are known
	if rollUp, err := i.ReadRollUp(s); err == nil {
		names = rollUp.PropertyNames()
	}
	made, err := walk.Make(ctx, filepath.Join(i.dir, s.Path), s.ProjectID, s.Shredded, names)
	if err != nil {
		return nil, fmt.Errorf("making events by user of %s: %w", s.Path, err)
	}
	made.IDs = i.eventIDs(s)
	return made, nil
}

// eventIDs reads ids from a segment's Parquet file, which must be whole.
func (i *Integrity) eventIDs(s Segment) func(rows []uint32) ([]uuid.UUID, error) {
	ids := walk.IDs(filepath.Join(i.dir, s.Path))
	return func(rows []uint32) ([]uuid.UUID, error) {
		release, err := i.HoldSoon(s.ProjectID, s.EventsFile())
		if err != nil {
			return nil, err
		}
		defer release()
		if err := i.Check(s.EventsFile()); err != nil {
			return nil, err
		}
		return ids(rows)
	}
}
