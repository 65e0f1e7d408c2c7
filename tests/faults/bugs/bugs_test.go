package bugs

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/tests/harness/stack"
)

// TestCompile builds the package that each bug is in: an edit that no longer fits,
// or does not compile, says nothing about the tests.
func TestCompile(t *testing.T) {
	t.Parallel()
	root, err := stack.Root()
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, bug := range All() {
		require.False(t, seen[bug.Name], "there are two bugs %s", bug.Name)
		seen[bug.Name] = true
		t.Run(bug.Name, func(t *testing.T) {
			t.Parallel()
			require.NotEmpty(t, bug.About)
			overlay, err := Overlay(t.TempDir(), bug)
			require.NoError(t, err)
			built := map[string]bool{}
			for _, edit := range bug.Edits {
				folder := filepath.Join(root, filepath.Dir(edit.File))
				if built[folder] {
					continue
				}
				built[folder] = true
				cmd := exec.CommandContext(t.Context(), "go", "build", "-overlay", overlay, ".")
				cmd.Dir = folder
				cmd.Env = append(cmd.Environ(), "GOWORK=off")
				out, err := cmd.CombinedOutput()
				require.NoError(t, err, "%s", out)
			}
		})
	}
}

func TestStale(t *testing.T) {
	t.Parallel()
	const file = "pkg/platform/failpoint/off.go"
	for name, edit := range map[string]Edit{
		"gone":      {File: file, Old: "nowhere to be found"},
		"ambiguous": {File: file, Old: "failpoint"},
		"no file":   {File: "pkg/platform/failpoint/none.go", Old: "x"},
	} {
		_, err := Overlay(t.TempDir(), Bug{Name: "some-bug", Edits: []Edit{edit}})
		require.ErrorContains(t, err, "some-bug", name)
	}
}

// TestUntouched checks that every edit changes its text.
func TestUntouched(t *testing.T) {
	t.Parallel()
	for _, bug := range All() {
		require.NotEmpty(t, bug.Edits, bug.Name)
		for _, edit := range bug.Edits {
			require.NotEqual(t, edit.Old, edit.New, bug.Name)
		}
	}
}
