package private

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// initialize creates the data folder unless it exists. An interrupted run leaves
// only a folder under another name, which is removed.
func (s *Server) initialize(ctx context.Context) error {
	leftovers, err := filepath.Glob(filepath.Join(globEscape(s.cfg.Dir), "init-*"))
	if err != nil {
		return fmt.Errorf("looking for an interrupted initdb: %w", err)
	}
	for _, dir := range leftovers {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("removing an interrupted initdb: %w", err)
		}
	}
	if _, err := os.Stat(s.data()); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	dir, err := os.MkdirTemp(s.cfg.Dir, "init-")
	if err != nil {
		return fmt.Errorf("creating the data folder: %w", err)
	}
	if err := s.account.own(dir); err != nil {
		return err
	}
	if err := s.initdb(ctx, dir); err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	if err := os.Rename(dir, s.data()); err != nil {
		return fmt.Errorf("putting the data folder into place: %w", err)
	}
	return syncDir(s.cfg.Dir)
}

func (s *Server) initdb(ctx context.Context, dir string) error {
	locale := []string{"--locale=C.UTF-8"}
	if runtime.GOOS == "darwin" {
		locale = []string{"--locale=C", "--lc-ctype=UTF-8"} // macOS has no C.UTF-8
	}
	args := append([]string{
		"--pgdata=" + dir, "--username=" + superuser, "--encoding=UTF8", "--data-checksums",
		"--auth-local=trust", "--auth-host=reject", // the socket's folder keeps others out
	}, locale...)
	out, err := os.CreateTemp(s.cfg.Dir, "init-*.log")
	if err != nil {
		return fmt.Errorf("creating the data folder: %w", err)
	}
	defer os.Remove(out.Name())
	defer out.Close()
	p, err := s.account.start(filepath.Join(s.bin, "initdb"), args, out, syscall.SIGKILL)
	if err != nil {
		return fmt.Errorf("running initdb: %w", err)
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		_ = p.signal(syscall.SIGINT) // it cleans up
		<-p.done
		return fmt.Errorf("running initdb: %w", ctx.Err())
	}
	if p.err != nil {
		return fmt.Errorf("running initdb: %w%s", p.err, tail(out, 0))
	}
	return nil
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("syncing %s: %w", path, err)
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// globEscape makes filepath.Glob match a path literally.
func globEscape(path string) string {
	var b bytes.Buffer
	for _, r := range path {
		if r == '*' || r == '?' || r == '[' || r == '\\' {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
