// Package checkpoint records how far an import has got.
package checkpoint

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"
)

// Totals of an import, over all its runs. Each record of the file counts as
// Accepted, Duplicates, Rejected or Skipped.
type Totals struct {
	Sent       int64 `json:"sent"` // sent to the service and answered
	Accepted   int64 `json:"accepted"`
	Duplicates int64 `json:"duplicates"`        // already stored, with the same content
	Rejected   int64 `json:"rejected"`          // rows in the reject file
	Skipped    int64 `json:"skipped,omitempty"` // rows that are not meant to be events
}

// Identity detects whether a file has changed.
type Identity struct {
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
	// HeadSHA256 covers the file's first MiB: hashing all of it would cost as much
	// as the import.
	HeadSHA256 string `json:"head_sha256"`
}

const headBytes = 1 << 20

// Identify returns the identity of the file at path.
func Identify(path string) (Identity, error) {
	f, err := os.Open(path)
	if err != nil {
		return Identity{}, fmt.Errorf("opening the file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Identity{}, fmt.Errorf("examining the file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return Identity{}, fmt.Errorf("%s is not a regular file", path)
	}
	sum := sha256.New()
	if _, err := io.CopyN(sum, f, headBytes); err != nil && !errors.Is(err, io.EOF) {
		return Identity{}, fmt.Errorf("reading the file: %w", err)
	}
	return Identity{Size: info.Size(), Modified: info.ModTime().UTC(), HeadSHA256: hex.EncodeToString(sum.Sum(nil))}, nil
}

// IdentifyAll returns the identity of several files together, in their order.
func IdentifyAll(paths []string) (Identity, error) {
	if len(paths) == 1 {
		return Identify(paths[0])
	}
	var all Identity
	sum := sha256.New()
	for _, path := range paths {
		one, err := Identify(path)
		if err != nil {
			return Identity{}, err
		}
		all.Size += one.Size
		if one.Modified.After(all.Modified) {
			all.Modified = one.Modified
		}
		fmt.Fprintf(sum, "%s %d %s %s\n", path, one.Size, one.Modified.Format(time.RFC3339Nano), one.HeadSHA256)
	}
	all.HeadSHA256 = hex.EncodeToString(sum.Sum(nil))
	return all, nil
}

// Target is where an import goes. A different account may mean a different
// project.
type Target struct {
	URL      string `json:"url"`
	Username string `json:"username,omitempty"` // empty with an API key
	Project  int64  `json:"project,omitempty"`  // 0 for the account's or key's own
}

func (t Target) String() string {
	text := t.URL
	if t.Username != "" {
		text += " as " + t.Username
	}
	if t.Project != 0 {
		text += fmt.Sprintf(", project %d", t.Project)
	}
	return text
}

const version = 1

// State of an import.
type State struct {
	Version int `json:"version"`
	// Import is part of the Idempotency-Key of each upload: a batch that was stored
	// but not confirmed before the import was killed gets the same response as the
	// first time, so the totals stay correct.
	Import uuid.UUID `json:"import"`
	File   Identity  `json:"file"`
	Target Target    `json:"target"`
	// Mapping are the options that decide which events the file's rows are.
	Mapping string `json:"mapping,omitempty"`
	// Records is how many records from the start of the file are done.
	Records int64 `json:"records"`
	// RejectBytes is how much of the reject file is about these records.
	RejectBytes int64  `json:"reject_bytes"`
	Totals      Totals `json:"totals"`
}

// New returns the state of an import that has not begun.
func New(file Identity, target Target, mapping string) State {
	return State{Version: version, Import: uuid.New(), File: file, Target: target, Mapping: mapping}
}

// ErrChanged is returned by Check if the file or the target differs from those the
// import began with.
var ErrChanged = errors.New("the checkpoint belongs to another import")

// Check refuses to resume with a different file, target or mapping.
func (s State) Check(file Identity, target Target, mapping string) error {
	if !s.File.Modified.Equal(file.Modified) || s.File.Size != file.Size || s.File.HeadSHA256 != file.HeadSHA256 {
		return fmt.Errorf("%w: the file has changed since (it had %d bytes and was last written at %s)",
			ErrChanged, s.File.Size, s.File.Modified.Format(time.RFC3339Nano))
	}
	if s.Target != target {
		return fmt.Errorf("%w: it went to %s", ErrChanged, s.Target)
	}
	if s.Mapping != mapping {
		return fmt.Errorf("%w: it read the file with %s", ErrChanged, cmp.Or(s.Mapping, "none of the options of mappings"))
	}
	return nil
}

// Load reads the state at path; found is false if there is none.
func Load(path string) (s State, found bool, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return State{}, false, nil
	}
	if err != nil {
		return State{}, false, fmt.Errorf("reading the checkpoint: %w", err)
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return State{}, false, fmt.Errorf("reading the checkpoint %s: %w", path, err)
	}
	if s.Version != version {
		return State{}, false, fmt.Errorf("reading the checkpoint %s: unknown version %d", path, s.Version)
	}
	return s, true, nil
}

// Save replaces the state at path atomically: a crash leaves the old or the new.
func (s State) Save(path string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("writing the checkpoint: %w", err)
		}
	}()
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, filepath.Base(path)+".*.tmp")
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncFolder(dir)
}

// syncFolder makes a rename durable.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
