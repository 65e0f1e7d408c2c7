package segment

import (
	"context"
	"errors"
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
	folder  *Folder
	dir     string
	folders sync.Map // of projects, known to survive a crash
}

// NewPublisher makes a Publisher for a folder, which must have its TemporaryFolder.
func NewPublisher(folder *Folder) *Publisher { return &Publisher{folder: folder, dir: folder.Dir()} }

// Content makes the files of a segment. Its functions may be called at the same time.
type Content struct {
	// Events writes the Parquet file to a path.
	Events func(tmp string) error
	// RollUp returns the roll-up.
	RollUp func() ([]byte, error)
	// Users writes the events of the Parquet file by user to a path. nil makes a segment
	// without, as versions before there were any.
	Users func(parquet, tmp string) error
}

// Publish makes a segment's files under a new path. Each is whole and on disk before it
// gets its name, and all survive a crash when Publish returns; with a bucket, they are
// objects then. The result is segment with Path, Bytes, SHA256, RollUp and Users.
func (p *Publisher) Publish(ctx context.Context, segment Segment, content Content) (Segment, error) {
	segment.Path = newPath(segment.ProjectID, segment.Epoch)
	segment.RollUp, segment.Users = &Companion{}, nil
	if err := p.makeFolder(filepath.Dir(segment.Path)); err != nil {
		return Segment{}, err
	}
	var g errgroup.Group
	named := segment // the other goroutine writes to segment itself
	g.Go(func() (err error) {
		data, err := content.RollUp()
		if err != nil {
			return err
		}
		*segment.RollUp, err = p.writeRollUp(named, data)
		return err
	})
	g.Go(func() error { return p.writeEvents(&segment, content) })
	if err := g.Wait(); err != nil {
		return Segment{}, err
	}
	if err := failpoint.Hit(failpoint.FolderBeforeSync); err != nil {
		return Segment{}, err
	}
	if err := p.syncFolder(segment); err != nil {
		return Segment{}, err
	}
	return segment, p.folder.put(ctx, segment.Files()...)
}

// writeEvents makes a segment's Parquet file and then, from that, its events by user.
func (p *Publisher) writeEvents(segment *Segment, content Content) error {
	tmp := Temporary(p.dir, segment.Path)
	defer os.Remove(tmp)
	if err := content.Events(tmp); err != nil {
		return err
	}
	var sealing errgroup.Group // the disk syncs both at once
	if content.Users != nil {
		users := Temporary(p.dir, segment.UsersPath())
		defer os.Remove(users)
		if err := content.Users(tmp, users); err != nil {
			return err
		}
		segment.Users = &Companion{}
		path := segment.UsersPath()
		sealing.Go(func() (err error) {
			*segment.Users, err = p.sealUsers(users, path)
			return err
		})
	}
	var err error
	segment.Bytes, segment.SHA256, err = Seal(tmp, filepath.Join(p.dir, segment.Path), mode)
	return errors.Join(err, sealing.Wait())
}

// RestoreRollUp puts a segment's roll-up back.
func (p *Publisher) RestoreRollUp(ctx context.Context, segment Segment, data []byte) error {
	rollUp, err := p.writeRollUp(segment, data)
	if err != nil {
		return err
	}
	if err := p.syncFolder(segment); err != nil {
		return err
	}
	return p.folder.replace(ctx, fileOf(segment.RollUpPath(), rollUp))
}

// PlaceUsers makes a complete temporary file that of a segment's events by user: in
// place of a damaged one, or where there was none.
func (p *Publisher) PlaceUsers(ctx context.Context, segment Segment, tmp string) (Companion, error) {
	users, err := p.sealUsers(tmp, segment.UsersPath())
	if err != nil {
		return Companion{}, err
	}
	if err := p.syncFolder(segment); err != nil {
		return Companion{}, err
	}
	return users, p.folder.replace(ctx, fileOf(segment.UsersPath(), users))
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
func (p *Publisher) writeRollUp(segment Segment, data []byte) (c Companion, err error) {
	path := segment.RollUpPath()
	tmp := Temporary(p.dir, path)
	defer os.Remove(tmp)
	if err := os.WriteFile(tmp, data, 0o600); err != nil {
		return Companion{}, fmt.Errorf("writing a roll-up: %w", err)
	}
	c.Bytes, c.SHA256, err = Seal(tmp, filepath.Join(p.dir, path), mode)
	return c, err
}

func (p *Publisher) sealUsers(tmp, path string) (c Companion, err error) {
	c.Bytes, c.SHA256, err = seal(tmp, filepath.Join(p.dir, path), mode, points{failpoint.UsersBeforeSync, failpoint.UsersBeforeRename})
	return c, err
}
