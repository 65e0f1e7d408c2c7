package manifest

import (
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var statement = regexp.MustCompile(`(?i)\b(FROM|JOIN|INTO|UPDATE|TABLE|AS [a-z]+,)\s+analytics\.(segments|rewrites|sync_state|project_versions)\b`)

// No other product code has statements on the manifest's tables, except the outbox's
// on the state.
func TestStatementsAreHere(t *testing.T) {
	t.Parallel()
	root := os.DirFS("../../..")
	here := 0
	for _, folder := range []string{"pkg", "services", "cmd"} {
		require.NoError(t, fs.WalkDir(root, folder, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, ".sql") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := fs.ReadFile(root, path)
			for _, match := range statement.FindAll(text, -1) {
				switch {
				case strings.HasPrefix(path, "pkg/warehouse/manifest/"):
					here++
				case strings.HasPrefix(path, "pkg/outbox/") && strings.HasSuffix(string(match), "analytics.sync_state"):
				default:
					t.Errorf("%s has a statement on the manifest: %s", path, match)
				}
			}
			return err
		}))
	}
	require.Greater(t, here, 20)
}
