package exactness

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// loseCopies removes some of the copies that replicas and the worker have of a bucket's
// objects, and damages others, while they run: they are fetched again.
func (e *equal) loseCopies(t *testing.T) {
	lost, damaged := 0, 0
	err := filepath.WalkDir(filepath.Join(e.dir, "copies"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		switch ext := filepath.Ext(path); {
		case ext != ".parquet" && ext != ".rollup" && ext != ".users":
			return nil
		case e.rng.IntN(3) == 0:
			lost++
			return os.Remove(path)
		case e.rng.IntN(2) == 0: // as a new file: one that is mapped must not change
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			damaged++
			content[e.rng.IntN(len(content))] ^= 1
			if err := os.WriteFile(path+".damaged", content, 0o600); err != nil {
				return err
			}
			return os.Rename(path+".damaged", path)
		}
		return nil
	})
	require.NoError(t, err)
	require.Positive(t, lost+damaged)
	e.done["lost copies"]++
}
