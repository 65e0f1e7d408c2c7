package standalone

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/platform/lockfile"
)

// openFolder creates the data folder if it is missing and reserves it for this
// process until the lock is closed.
func openFolder(dir string) (lock *lockfile.Lock, err error) {
	// As root, Postgres runs as another user, which must be able to traverse the
	// folder, but not list it.
	if err := os.MkdirAll(dir, 0o711); err != nil { //nolint:gosec // see above
		return nil, fmt.Errorf("creating DATA_DIR: %w", err)
	}
	lock, err = lockfile.Take(filepath.Join(dir, "lock"))
	if errors.Is(err, lockfile.ErrTaken) {
		return nil, fmt.Errorf("another standalone is running on DATA_DIR %s: stop it or choose another folder", dir)
	}
	if err != nil {
		return nil, fmt.Errorf("opening DATA_DIR: %w", err)
	}
	return lock, nil
}

// CheckInstance refuses a DATA_DIR in which no standalone was ever started: most
// likely it is not the one that was meant, and commands must not make another.
func (o *Options) CheckInstance() error {
	if o.DatabaseURL != "" {
		return nil
	}
	dir, err := filepath.Abs(o.DataDir)
	if err != nil {
		return fmt.Errorf("finding DATA_DIR: %w", err)
	}
	// As another user, Postgres keeps its folder to itself, but not that it exists.
	if _, err := os.Stat(filepath.Join(o.postgresDir(), "data")); errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("DATA_DIR %s holds no instance: name the folder that the standalone uses, or start it there first", dir)
	} else if err != nil {
		return fmt.Errorf("looking at DATA_DIR: %w", err)
	}
	return nil
}

// lowDisk is as much as Postgres may need for its next file, twice.
const lowDisk = 32 << 20

// freeBytes returns how much a folder's disk has left; known is false where nothing
// can be said. A folder that does not exist yet is on its parent's disk.
func freeBytes(dir string) (free uint64, known bool) {
	for {
		var fs unix.Statfs_t
		err := unix.Statfs(dir, &fs)
		if err == nil {
			return fs.Bavail * uint64(fs.Bsize), true
		}
		parent := filepath.Dir(dir)
		if !errors.Is(err, os.ErrNotExist) || parent == dir {
			return 0, false
		}
		dir = parent
	}
}

// welcomed reports whether the welcome was printed for this folder before, and notes
// that it is now.
func welcomed(dir string) bool {
	path := filepath.Join(dir, "welcomed")
	if _, err := os.Stat(path); err == nil {
		return true
	}
	// If it cannot be noted, it is printed again.
	_ = os.WriteFile(path, nil, 0o600)
	return false
}

// secretBytes of randomness, written in hexadecimal.
const secretBytes = 32

// loadSecret reads the folder's secret, or creates one the first time. A start
// killed halfway leaves no partial secret.
func loadSecret(dir string) (auth.Secret, error) {
	path := filepath.Join(dir, "secret")
	content, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return makeSecret(dir, path)
	}
	if err != nil {
		return "", fmt.Errorf("reading the secret: %w", err)
	}
	secret := auth.Secret(strings.TrimSpace(string(content)))
	if err := secret.Validate(); err != nil {
		return "", fmt.Errorf("reading the secret in %s: %w", path, err)
	}
	return secret, nil
}

func makeSecret(dir, path string) (_ auth.Secret, err error) {
	random := make([]byte, secretBytes)
	if _, err := rand.Read(random); err != nil {
		return "", fmt.Errorf("creating a secret: %w", err)
	}
	secret := hex.EncodeToString(random)
	f, err := os.CreateTemp(dir, "secret-*") // mode 0600
	if err != nil {
		return "", fmt.Errorf("creating a secret: %w", err)
	}
	_, err = f.WriteString(secret + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", fmt.Errorf("writing the secret: %w", err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return "", fmt.Errorf("writing the secret: %w", err)
	}
	return auth.Secret(secret), nil
}
