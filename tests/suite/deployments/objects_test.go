package deployments

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// TestObjectsComposeFile: with an object store, worker and stats share no volume, and what is
// added is as hardened as the rest.
func TestObjectsComposeFile(t *testing.T) {
	t.Parallel()
	var file struct {
		Services map[string]service
		Volumes  map[string]any
	}
	require.NoError(t, yaml.Unmarshal([]byte(read(t, "deployments", "docker", "objects.yml")), &file))
	for _, name := range []string{"objects", "object-secrets"} {
		s := file.Services[name]
		require.True(t, s.ReadOnly, "%s: read-only root file system", name)
		require.Equal(t, []string{"ALL"}, s.CapDrop, "%s: capabilities", name)
		require.Contains(t, s.SecurityOpt, "no-new-privileges:true", name)
		require.NotEmpty(t, s.MemLimit, "%s: memory limit", name)
		require.NotNil(t, s.Logging, "%s: bounded logs", name)
		require.Empty(t, s.Ports, "%s: published ports", name)
	}
	require.Equal(t, []string{"back"}, file.Services["objects"].Networks)
	require.NotNil(t, file.Services["objects"].Healthcheck)
	volumeOf := map[string]string{}
	for _, name := range []string{"syncworker", "stats", "files"} {
		volume, at, _ := strings.Cut(file.Services[name].Volumes[0], ":")
		require.Equal(t, "/warehouse", at, "%s: it takes the place of the shared one", name)
		require.Contains(t, file.Volumes, volume)
		volumeOf[name] = volume
	}
	require.NotEqual(t, volumeOf["syncworker"], volumeOf["stats"])
	require.Contains(t, file.Services["objects"].Volumes, volumeOf["files"]+":/data/"+file.Services["stats"].Environment["WAREHOUSE_S3_BUCKET"],
		"a backup copies the objects")
	for _, name := range []string{"syncworker", "stats"} {
		for variable, value := range file.Services[name].Environment {
			if strings.Contains(variable, "SECRET") {
				require.Regexp(t, "_FILE$", variable)
				require.Regexp(t, "^/run/secrets/", value)
			}
		}
	}
}
