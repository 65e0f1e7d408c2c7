package segment

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sync/errgroup"

	"eventanalytics/pkg/platform/failpoint"
)

// mode lets other users' replicas and tools read the files.
const mode = 0o644

// Publisher gives segments their files below a warehouse folder. Its methods may
// be called at the same time.
type Publisher struct {
	dir     string
	folders sync.Map // of projects, known to survive a crash
}

// NewPublisher makes a Publisher for the warehouse folder dir, which must have
// its TemporaryFolder.
func NewPublisher(dir string) *Publisher { return &Publisher{dir: dir} }

// Publish makes a segment's two files under a new path: the roll-up of the bytes
// that rollUp returns, and the file that events writes to the path it is given.
// Each is whole and on disk before it gets its name, and both survive a crash
// when Publish returns. The result is segment with Path, Bytes, SHA256 and RollUp.
func (p *Publisher) Publish(segment Segment, rollUp func() ([]byte, error), events func(tmp string) error) (Segment, error) {
	segment.Path = newPath(segment.ProjectID, segment.Epoch)
	segment.RollUp = &RollUpFile{}
	if err := p.makeFolder(filepath.Dir(segment.Path)); err != nil {
		return Segment{}, err
	}
	var g errgroup.Group
	named := segment // the other goroutine writes to segment itself
	g.Go(func() (err error) {
		data, err := rollUp()
		if err != nil {
			return err
		}
		segment.RollUp.Bytes, segment.RollUp.SHA256, err = p.writeRollUp(named, data)
		return err
	})
	g.Go(func() (err error) {
		tmp := filepath.Join(TemporaryFolder(p.dir), filepath.Base(segment.Path))
		defer os.Remove(tmp)
		if err := events(tmp); err != nil {
			return err
		}
		segment.Bytes, segment.SHA256, err = Seal(tmp, filepath.Join(p.dir, segment.Path), mode)
		return err
	})
	if err := g.Wait(); err != nil {
		return Segment{}, err
	}
	if err := failpoint.Hit(failpoint.FolderBeforeSync); err != nil {
		return Segment{}, err
	}
	return segment, p.syncFolder(segment)
}

// RestoreRollUp puts a segment's roll-up back.
func (p *Publisher) RestoreRollUp(segment Segment, data []byte) error {
	if _, _, err := p.writeRollUp(segment, data); err != nil {
		return err
	}
	return p.syncFolder(segment)
}

// makeFolder makes a project's folder so that it survives a crash. One that is
// there may come from a writer that was killed before it could sync it.
func (p *Publisher) makeFolder(name string) error {
	path := filepath.Join(p.dir, name)
	_, err := os.Stat(path)
	if _, known := p.folders.Load(name); known && err == nil {
		return nil
	}
	if err := MakeFolders(path); err != nil {
		return err
	}
	if err := SyncFolder(p.dir); err != nil {
		return err
	}
	p.folders.Store(name, nil)
	return nil
}

func (p *Publisher) syncFolder(segment Segment) error {
	return SyncFolder(filepath.Join(p.dir, filepath.Dir(segment.Path)))
}

// writeRollUp makes the file of a segment's roll-up.
func (p *Publisher) writeRollUp(segment Segment, data []byte) (size int64, sum [32]byte, err error) {
	path := segment.RollUpPath()
	tmp := filepath.Join(TemporaryFolder(p.dir), filepath.Base(path))
	defer os.Remove(tmp)
	if err := os.WriteFile(tmp, data, 0o600); err != nil {
		return 0, sum, fmt.Errorf("writing a roll-up: %w", err)
	}
	return Seal(tmp, filepath.Join(p.dir, path), mode)
}
