package deployments

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/tests/harness/stack"
)

// Images, modules and the check for vulnerabilities use one toolchain.
func TestOneToolchain(t *testing.T) {
	t.Parallel()
	root, err := stack.Root()
	require.NoError(t, err)
	find := func(pattern, path string) string {
		text, err := os.ReadFile(filepath.Join(root, path))
		require.NoError(t, err)
		found := regexp.MustCompile(`(?m)^` + pattern).FindSubmatch(text)
		require.NotNil(t, found, path)
		return string(found[1])
	}
	const toolchain = `toolchain go(\S+)$`
	version := find(toolchain, "go.work")
	require.Equal(t, version, find(`FROM golang:([\d.]+)-`, "deployments/docker/Dockerfile"))
	work, err := os.ReadFile(filepath.Join(root, "go.work"))
	require.NoError(t, err)
	modules := regexp.MustCompile(`\t\./(\S+)`).FindAllSubmatch(work, -1)
	require.NotEmpty(t, modules)
	for _, module := range modules {
		require.Equal(t, version, find(toolchain, filepath.Join(string(module[1]), "go.mod")), string(module[1]))
	}
}
