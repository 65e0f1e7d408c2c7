package faults

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"eventanalytics/tests/harness/stack"
	"eventanalytics/tests/harness/stack/disk"
)

// Sizes of the disks that fill up, in bytes.
const (
	warehouseDisk = 1 << 30
	postgresDisk  = 2 << 30
)

// mount puts the warehouse and Postgres on disks of their own. Where nothing can
// be mounted, no disk fills up.
func (c *cluster) mount(ctx context.Context) error {
	var err error
	if c.disks.warehouse, err = disk.Tmpfs(c.warehouse(), warehouseDisk); err != nil && !errors.Is(err, disk.ErrUnable) {
		return err
	}
	if c.disks.postgres, err = disk.Loop(ctx, c.postgres(), postgresDisk); err != nil && !errors.Is(err, disk.ErrUnable) {
		return err
	}
	return nil
}

// diskFull fills a disk for a while.
func diskFull(of func(c *cluster) *disk.Disk) strike {
	return func(ctx context.Context, c *cluster, rng *rand.Rand) (bool, error) {
		d := of(c)
		if d == nil {
			return false, nil
		}
		if err := d.Fill(); err != nil {
			return false, errors.Join(err, d.Free())
		}
		pause(ctx, time.Duration(500+rng.IntN(1500))*time.Millisecond)
		return true, d.Free()
	}
}

// finished is a project that no client posts to any more, and its contents.
type finished struct {
	*project
	round    int
	clients  []int
	position string
	events   found
}

// damages change a file of a finished project behind the service's back. While
// the file is damaged, a replica must answer correctly or refuse.
func damages() []fault {
	var all []fault
	for _, kind := range []string{"parquet", "rollup", "users"} {
		all = append(all,
			fault{name: kind + " file truncated", strike: damage(kind, truncate)},
			fault{name: kind + " file bit flipped", strike: damage(kind, flipBit)},
			fault{name: kind + " file deleted", strike: damage(kind, func(_ *rand.Rand, path, _ string) error { return os.Remove(path) })},
			fault{name: kind + " file swapped", strike: damage(kind, func(_ *rand.Rand, path, other string) error { return replaceFile(path, other) })})
	}
	return all
}

func damage(kind string, harm func(rng *rand.Rand, path, other string) error) strike {
	return func(ctx context.Context, c *cluster, rng *rand.Rand) (bool, error) {
		if len(c.finished) == 0 {
			return false, nil
		}
		f := c.finished[rng.IntN(len(c.finished))]
		path, other, err := c.anyTwo(ctx, f.project, kind)
		if path == "" || err != nil {
			return false, err
		}
		saved := path + ".saved"
		if err := replaceFile(saved, path); err != nil {
			return false, err
		}
		if err := harm(rng, path, other); err != nil {
			return false, err
		}
		wrong := c.noWrongAnswer(ctx, f)
		if err := os.Rename(saved, path); err != nil {
			return false, err
		}
		return true, wrong
	}
}

// filesOf returns the paths of a segment's files, given that of its events.
func filesOf(path string) []string {
	name := strings.TrimSuffix(path, ".parquet")
	return []string{path, name + ".rollup", name + ".users"}
}

const livePathsSQL = "SELECT path FROM analytics.segments WHERE replaced_at IS NULL AND project_id = $1 ORDER BY random()"

// anyTwo returns the file of a live segment of the project, and of another.
func (c *cluster) anyTwo(ctx context.Context, p *project, kind string) (path, other string, err error) {
	paths, err := c.paths(ctx, livePathsSQL, p.id)
	if err != nil || len(paths) < 2 {
		return "", "", err
	}
	name := func(segment string) string {
		return filepath.Join(c.warehouse(), strings.TrimSuffix(segment, "parquet")+kind)
	}
	return name(paths[0]), name(paths[1]), nil
}

func truncate(rng *rand.Rand, path, _ string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return os.Truncate(path, rng.Int64N(info.Size()))
}

func flipBit(rng *rand.Rand, path, _ string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	data[rng.IntN(len(data))] ^= 1 << rng.IntN(8)
	return os.WriteFile(path, data, 0o644)
}

// replaceFile makes path a copy of other.
func replaceFile(path, other string) error {
	data, err := os.ReadFile(other)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", data, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// noWrongAnswer puts every question about a finished project to each replica.
func (c *cluster) noWrongAnswer(ctx context.Context, f *finished) error {
	for _, q := range questions {
		want := q.want(f.events.naive())
		for _, replica := range []string{"stats-1", "stats-2"} {
			for _, segment := range []string{"", raw} {
				got := reflect.New(reflect.TypeOf(want))
				status, err := c.ask(ctx, replica, f.project, q, "", segment, got.Interface())
				if err != nil {
					return err
				}
				if status == http.StatusOK && !reflect.DeepEqual(want, got.Elem().Interface()) {
					return failed("damage", "%s of %s (%s) is %v, the model says %v", q.metric, replica, segment, got.Elem(), want)
				}
			}
		}
	}
	return nil
}

// ageSQL makes segments that were replaced some seconds ago old enough to be
// deleted, past the grace period of at least an hour.
const ageSQL = `
UPDATE analytics.segments SET replaced_at = replaced_at - interval '2 hours'
WHERE replaced_at BETWEEN clock_timestamp() - interval '1 hour' AND clock_timestamp() - interval '3 seconds'
RETURNING path`

const allPathsSQL = "SELECT path FROM analytics.segments WHERE replaced_at IS NULL OR replaced_at > clock_timestamp() - interval '1 hour'"

// watchRowsSQL notes each row that is deleted while a replica may still need its file.
// What is looked at between rounds alone misses most of them: few segments are still
// to be replaced by then.
const watchRowsSQL = `
CREATE TABLE public.hasty (path text);
CREATE FUNCTION public.note_hasty() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.hasty VALUES (old.path);
    RETURN NULL;
END $$;
CREATE TRIGGER note_hasty AFTER DELETE ON analytics.segments FOR EACH ROW
WHEN (old.replaced_at IS NULL OR old.replaced_at > clock_timestamp() - interval '1 hour')
EXECUTE FUNCTION public.note_hasty()`

// age backdates segments that were replaced, and files that were left behind, some
// seconds ago. It checks that nothing else was deleted.
func (c *cluster) age(ctx context.Context) error {
	hasty, err := c.paths(ctx, "SELECT path FROM public.hasty")
	if err != nil {
		return fmt.Errorf("looking for rows that were deleted: %w", err)
	}
	if len(hasty) > 0 {
		return failed("grace period", "%d segments that a replica may still need were dropped, such as %s", len(hasty), hasty[0])
	}
	for path := range c.seen {
		for _, name := range filesOf(path) {
			if _, err := os.Stat(filepath.Join(c.warehouse(), name)); err != nil {
				return failed("grace period", "a file that a replica may still need is gone: %w", err)
			}
		}
	}
	old, err := c.paths(ctx, ageSQL)
	if err != nil {
		return fmt.Errorf("making replaced segments old: %w", err)
	}
	for _, path := range old {
		delete(c.seen, path)
	}
	young, err := c.paths(ctx, allPathsSQL)
	if err != nil {
		return err
	}
	for _, path := range young {
		c.seen[path] = true
	}
	return c.ageOrphans()
}

const ageOneSQL = `
UPDATE analytics.segments SET replaced_at = replaced_at - interval '2 hours'
WHERE id IN (SELECT id FROM analytics.segments WHERE replaced_at > clock_timestamp() - interval '1 hour' LIMIT 2)
RETURNING path`

// ageOne backdates up to two replaced segments.
func (c *cluster) ageOne(ctx context.Context) error {
	if err := c.wantTables(ctx, false); err != nil { // they hold what they list
		return err
	}
	old, err := c.paths(ctx, ageOneSQL)
	for _, path := range old {
		delete(c.seen, path)
	}
	return err
}

// ageOrphans backdates unknown files that a crash left some seconds ago.
func (c *cluster) ageOrphans() error {
	now := time.Now()
	return filepath.WalkDir(c.warehouse(), func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // just deleted
		}
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(c.warehouse(), path)
		if err != nil || c.seen[strings.TrimSuffix(name, filepath.Ext(name))+".parquet"] {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) || err == nil && now.Sub(info.ModTime()) < 3*time.Second {
			return nil
		}
		if err != nil {
			return err
		}
		if err := os.Chtimes(path, time.Time{}, info.ModTime().Add(-2*time.Hour)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
}

// noLitter waits until every file is named in the manifest. Tables are withdrawn before.
func (c *cluster) noLitter(ctx context.Context) error {
	if err := c.wantTables(ctx, false); err != nil {
		return err
	}
	return stack.Poll(ctx, 30*time.Second, func() error {
		if err := c.age(ctx); err != nil {
			return err
		}
		known, err := c.paths(ctx, "SELECT path FROM analytics.segments")
		if err != nil {
			return err
		}
		names := map[string]bool{}
		for _, path := range known {
			for _, name := range filesOf(path) {
				names[name] = true
			}
		}
		return filepath.WalkDir(c.warehouse(), func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil || d.IsDir() {
				return err
			}
			name, err := filepath.Rel(c.warehouse(), path)
			if err == nil && !names[name] {
				err = failed("litter", "%s is never collected", name)
			}
			return err
		})
	})
}
