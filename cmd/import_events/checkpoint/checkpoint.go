// Package checkpoint remembers how far an import has come.
package checkpoint

import (
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

// Totals of an import, over all its runs. Each record of the file is one of
// Accepted, Duplicates and Rejected.
type Totals struct {
	Sent       int64 `json:"sent"` // what the service was given and answered
	Accepted   int64 `json:"accepted"`
	Duplicates int64 `json:"duplicates"` // stored before, with the same content
	Rejected   int64 `json:"rejected"`   // rows of the reject file
}

// Identity tells whether a file is still the same.
type Identity struct {
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
	// HeadSHA256 is of the file's first MiB: reading all of it would cost as
	// much as the import.
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
		return Identity{}, fmt.Errorf("looking at the file: %w", err)
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

// Target is where an import goes. Another account may stand for another project.
type Target struct {
	URL      string `json:"url"`
	Username string `json:"username,omitempty"` // empty with an API key
	Project  int64  `json:"project,omitempty"`  // 0 for that of the account or key
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
	// Import is part of the Idempotency-Key of each upload: a batch that was
	// stored but not confirmed before the import was killed is answered as it
	// was the first time, so that the totals stay right.
	Import uuid.UUID `json:"import"`
	File   Identity  `json:"file"`
	Target Target    `json:"target"`
	// Records at the beginning of the file are done.
	Records int64 `json:"records"`
	// RejectBytes of the reject file are about these records.
	RejectBytes int64  `json:"reject_bytes"`
	Totals      Totals `json:"totals"`
}

// New is the state of an import that has not begun.
func New(file Identity, target Target) State {
	return State{Version: version, Import: uuid.New(), File: file, Target: target}
}

// ErrChanged is returned by Check for a file that is not the one the import
// began with, or another target.
var ErrChanged = errors.New("the checkpoint is of another import")

// Check refuses to go on with another file or into another target.
func (s State) Check(file Identity, target Target) error {
	if !s.File.Modified.Equal(file.Modified) || s.File.Size != file.Size || s.File.HeadSHA256 != file.HeadSHA256 {
		return fmt.Errorf("%w: the file has changed since (it had %d bytes and was last written at %s)",
			ErrChanged, s.File.Size, s.File.Modified.Format(time.RFC3339Nano))
	}
	if s.Target != target {
		return fmt.Errorf("%w: it went to %s", ErrChanged, s.Target)
	}
	return nil
}

// Load reads the state at path; found is false when there is none.
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
		return State{}, false, fmt.Errorf("reading the checkpoint %s: version %d is not known", path, s.Version)
	}
	return s, true, nil
}

// Save replaces the state at path: after a crash there is the old one or the new.
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

// syncFolder makes a rename last.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
