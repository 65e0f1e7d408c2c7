package segment

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// A segment's files are <project>/<epoch>-<id>.parquet and .rollup; ids increase
// with time.
var pathPattern = regexp.MustCompile(`^[0-9]+/([0-9]+)-[0-9a-f]{32}\.(parquet|rollup)$`)

func newPath(project, epoch int64) string {
	id := strings.ReplaceAll(uuid.Must(uuid.NewV7()).String(), "-", "")
	return fmt.Sprintf("%d/%d-%s.parquet", project, epoch, id)
}

// RollUpPath returns where the segment's roll-up is, below the warehouse folder.
func (s Segment) RollUpPath() string { return strings.TrimSuffix(s.Path, ".parquet") + ".rollup" }

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
