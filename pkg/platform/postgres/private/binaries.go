package private

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// ErrNoBinaries is returned by Start if this machine has no Postgres.
var ErrNoBinaries = errors.New("no Postgres server (initdb and postgres) on this machine: " +
	"install it with `apt-get install postgresql` (Debian, Ubuntu), `dnf install postgresql-server` (Fedora), " +
	"`apk add postgresql` (Alpine) or `brew install postgresql@17` (macOS), or set DATABASE_URL to a running server")

// places are where packages install one version each; the newest is used.
var places = []string{
	"/usr/lib/postgresql/*/bin",       // Debian, Ubuntu
	"/usr/libexec/postgresql*",        // Alpine
	"/usr/pgsql-*/bin",                // Red Hat, from postgresql.org
	"/opt/homebrew/opt/postgres*/bin", // Homebrew on ARM
	"/usr/local/opt/postgres*/bin",    // Homebrew on Intel
	"/Applications/Postgres.app/Contents/Versions/*/bin",
}

// Program returns the path of another Postgres program, such as pg_dump, of the
// same installation as the server that Start runs.
func Program(name string) (string, error) {
	dir, err := findBinaries()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, name)
	if !executable(path) {
		return "", fmt.Errorf("there is no %s beside the Postgres server in %s", name, dir)
	}
	return path, nil
}

// findBinaries returns the folder that holds both initdb and postgres. A
// distribution may keep only client programs on the PATH.
func findBinaries() (string, error) {
	var dirs []string
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(path))
		}
	}
	if out, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	for _, pattern := range places {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return "", fmt.Errorf("looking for Postgres: %w", err)
		}
		slices.SortFunc(found, func(a, b string) int { return versionIn(b) - versionIn(a) })
		dirs = append(dirs, found...)
	}
	for _, dir := range dirs {
		if executable(filepath.Join(dir, "initdb")) && executable(filepath.Join(dir, "postgres")) {
			return dir, nil
		}
	}
	return "", ErrNoBinaries
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// versionIn returns the major version in a folder's path: its first number.
func versionIn(path string) int {
	digits := strings.FieldsFunc(path, func(r rune) bool { return r < '0' || r > '9' })
	if len(digits) == 0 {
		return 0
	}
	n, err := strconv.Atoi(digits[0])
	if err != nil {
		return 0
	}
	return n
}
