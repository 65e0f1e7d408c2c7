package segment

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// A segment's files are <project>/<epoch>-<id>.parquet, .rollup and .users; ids
// increase with time.
var pathPattern = regexp.MustCompile(`^[0-9]+/([0-9]+)-[0-9a-f]{32}\.(parquet|rollup|users)$`)

func newPath(project, epoch int64) string {
	id := strings.ReplaceAll(uuid.Must(uuid.NewV7()).String(), "-", "")
	return fmt.Sprintf("%d/%d-%s.parquet", project, epoch, id)
}

// RollUpPath returns where the segment's roll-up is, below the warehouse folder.
func (s Segment) RollUpPath() string { return s.beside(".rollup") }

// UsersPath returns where the segment's events by user are, below the warehouse folder.
func (s Segment) UsersPath() string { return s.beside(".users") }

func (s Segment) beside(ending string) string { return strings.TrimSuffix(s.Path, ".parquet") + ending }

// Paths returns where the files are of the segment whose Parquet file is at path,
// whichever of them it has.
func Paths(path string) []string {
	s := Segment{Path: path}
	return []string{s.Path, s.RollUpPath(), s.UsersPath()}
}

// EpochOf returns the epoch in the path of a segment's file. ok is false for a
// path that is not one of a segment's file.
func EpochOf(path string) (epoch int64, ok bool) {
	match := pathPattern.FindStringSubmatch(path)
	if match == nil {
		return 0, false
	}
	epoch, err := strconv.ParseInt(match[1], 10, 64)
	return epoch, err == nil
}

// TemporaryFolder returns the folder, in the warehouse folder dir, of files in
// the making.
func TemporaryFolder(dir string) string { return filepath.Join(dir, "tmp") }

// Temporary returns where the file of a segment that gets a path is while it is made.
func Temporary(dir, path string) string {
	return filepath.Join(TemporaryFolder(dir), filepath.Base(path))
}
