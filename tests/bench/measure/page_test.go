package measure

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWriteBetween(t *testing.T) {
	t.Parallel()
	page := filepath.Join(t.TempDir(), "page.md")
	require.NoError(t, os.WriteFile(page, []byte("# Page\n\n<!-- figures: made by a tool -->\nold\n<!-- /figures -->\n\nEnd.\n"), 0o644))
	for range 2 { // again is the same
		require.NoError(t, WriteBetween(page, "figures: made by a tool", Table([]string{"a", "b"}, [][]string{{"1", "2"}})))
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		require.Equal(t, "# Page\n\n<!-- figures: made by a tool -->\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n<!-- /figures -->\n\nEnd.\n", string(text))
	}
	require.ErrorContains(t, WriteBetween(page, "others: made by a tool", ""), "has no <!-- others: made by a tool -->")
	require.Error(t, WriteBetween(page+"x", "figures", ""))
}
