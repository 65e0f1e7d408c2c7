package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/procfs"

	"eventanalytics/pkg/platform/lockfile"
	"eventanalytics/tests/bench/history"
	"eventanalytics/tests/harness/stack"
)

// A data set is generated once and never changed. Each run works on a copy, in which
// the warehouse's files are hard links: they are never rewritten.
//
//	<dir>/<parameters>/made/   postgres, warehouse, made.json; complete if it exists
//	<dir>/<parameters>/run/    the copy of the run, or the remains of a killed one
//	<dir>/<parameters>/native-2.duckdb, clickhouse/, baselines.json, lock
type dataset struct {
	folder string
	made   made
	lock   *lockfile.Lock
}

// made describes a finished data set.
type made struct {
	History history.Config
	At      time.Time
	Commit  string // of the worker that loaded it
	Costs   generated
}

func (d *dataset) path(names ...string) string {
	return filepath.Join(append([]string{d.folder}, names...)...)
}

// openDataset returns the data set of the options, generating it unless it exists.
func openDataset(ctx context.Context, o options) (*dataset, error) {
	dir, err := filepath.Abs(o.Directory)
	if err != nil {
		return nil, fmt.Errorf("finding the data folder: %w", err)
	}
	d := &dataset{folder: filepath.Join(dir, fmt.Sprintf("events%d-users%d-days%d-seed%d", o.Events, o.Users, o.Days, o.Seed))}
	if err := os.MkdirAll(d.folder, 0o755); err != nil {
		return nil, fmt.Errorf("making the data folder: %w", err)
	}
	if err := d.own(); err != nil {
		return nil, err
	}
	if err := d.clearRun(); err != nil {
		return nil, err
	}
	if err := stack.Build(ctx, "account", "ingest", "syncworker", "stats"); err != nil {
		return nil, err
	}
	if o.Fresh {
		for _, name := range []string{"made", nativeFile, clickHouseFolder, "baselines.json"} {
			if err := os.RemoveAll(d.path(name)); err != nil {
				return nil, fmt.Errorf("removing the old events: %w", err)
			}
		}
	}
	text, err := os.ReadFile(d.path("made", "made.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return d, d.make(ctx, o)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the description of the events: %w", err)
	}
	if err := json.Unmarshal(text, &d.made); err != nil {
		return nil, fmt.Errorf("reading the description of the events: %w", err)
	}
	if d.made.History != o.history() {
		return nil, fmt.Errorf("%s has events of %+v: regenerate them with --fresh", d.folder, d.made.History)
	}
	progress("using the events generated %s at commit %s; --fresh regenerates them", d.made.At.Format(time.DateOnly), d.made.Commit)
	return d, nil
}

// own locks the data set until this process ends.
func (d *dataset) own() (err error) {
	d.lock, err = lockfile.Take(d.path("lock"))
	if errors.Is(err, lockfile.ErrTaken) {
		return fmt.Errorf("another run is using %s", d.folder)
	}
	return err
}

// finish turns the run's folder into the data set, after its services have stopped.
func (d *dataset) finish() error {
	text, err := json.MarshalIndent(d.made, "", "  ")
	if err == nil {
		err = os.WriteFile(d.path("run", "made.json"), text, 0o600)
	}
	if err == nil {
		err = os.Rename(d.path("run"), d.path("made"))
	}
	if err != nil {
		return fmt.Errorf("keeping the events: %w", err)
	}
	return nil
}

// copy prepares the run's folder.
func (d *dataset) copy(ctx context.Context) error {
	if err := os.MkdirAll(d.path("run"), 0o755); err != nil {
		return fmt.Errorf("copying the events: %w", err)
	}
	for _, args := range [][]string{
		{"-a", d.path("made", "postgres"), d.path("run")}, // with its owner: Postgres may be another user
		{"-al", d.path("made", "warehouse"), d.path("run")},
	} {
		if out, err := exec.CommandContext(ctx, "cp", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("copying the events: %w: %s", err, out)
		}
	}
	return nil
}

// clearRun removes the remains of an earlier run. If that was killed, its services
// still run; all of them have a working directory below the run's folder.
func (d *dataset) clearRun() error {
	run := d.path("run")
	err := stack.Poll(context.Background(), 30*time.Second, func() error {
		left, err := workingBelow(run)
		if err != nil || len(left) == 0 {
			return err
		}
		for _, pid := range left {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("ending process %d of an earlier run: %w", pid, err)
			}
		}
		return fmt.Errorf("processes %v of an earlier run do not end", left)
	})
	if err != nil {
		return err
	}
	if err := os.RemoveAll(run); err != nil {
		return fmt.Errorf("removing what an earlier run left: %w", err)
	}
	return nil
}

// workingBelow lists the processes whose working directory is dir or below it.
func workingBelow(dir string) ([]int, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("looking for an earlier run: %w", err)
	}
	if resolved, err := filepath.EvalSymlinks(dir); err == nil {
		dir = resolved
	}
	all, err := procfs.AllProcs()
	if err != nil {
		return nil, fmt.Errorf("looking for an earlier run: %w", err)
	}
	var found []int
	for _, p := range all {
		cwd, err := p.Cwd()
		if err == nil && strings.HasPrefix(cwd+"/", dir+"/") {
			found = append(found, p.PID)
		}
	}
	return found, nil
}
