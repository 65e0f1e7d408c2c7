// Package deployments checks the files that operators start the service with,
// without starting it.
package deployments

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"eventanalytics/tests/harness/stack"
)

type service struct {
	Build       any
	Image       string
	Restart     string
	ReadOnly    bool     `yaml:"read_only"`
	CapDrop     []string `yaml:"cap_drop"`
	SecurityOpt []string `yaml:"security_opt"`
	MemLimit    string   `yaml:"mem_limit"`
	CPUShares   int      `yaml:"cpu_shares"` // 0 means 1024
	Healthcheck any
	Logging     any
	Networks    []string
	NetworkMode string `yaml:"network_mode"`
	Privileged  bool
	Ports       []string
	Profiles    []string
	PullPolicy  string `yaml:"pull_policy"`
	Volumes     []string
	Environment map[string]string
}

// ours are built from the repository.
var ours = map[string]bool{"account": true, "ingest": true, "syncworker": true, "stats": true}

// oneShot services do their work and end.
var oneShot = map[string]bool{"secrets": true, "migrate": true, "files": true}

func read(t *testing.T, path ...string) string {
	t.Helper()
	root, err := stack.Root()
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(append([]string{root}, path...)...))
	require.NoError(t, err)
	return string(text)
}

func TestComposeFile(t *testing.T) {
	t.Parallel()
	var file struct {
		Services map[string]service
		Networks map[string]struct{ Internal bool }
	}
	require.NoError(t, yaml.Unmarshal([]byte(read(t, "docker-compose.yml")), &file))
	tag := regexp.MustCompile(`^([a-z/]+:v?[0-9]+(\.[0-9]+)*(-bookworm)?|eventanalytics/[a-z]+:\$\{TAG:-local\})$`)
	for name, s := range file.Services {
		require.True(t, s.ReadOnly, "%s: read-only root file system", name)
		require.Equal(t, []string{"ALL"}, s.CapDrop, "%s: capabilities", name)
		require.Contains(t, s.SecurityOpt, "no-new-privileges:true", name)
		require.False(t, s.Privileged, name)
		require.NotEmpty(t, s.MemLimit, "%s: memory limit", name)
		require.NotNil(t, s.Logging, "%s: bounded logs", name)
		require.Regexp(t, tag, s.Image, name)
		require.Equal(t, name == "gateway" || name == "grafana", len(s.Ports) > 0, "%s: published ports", name)
		require.Equal(t, ours[name], s.Build != nil, "%s: build", name)
		if oneShot[name] {
			require.Equal(t, "no", s.Restart, name)
		} else {
			require.Equal(t, "unless-stopped", s.Restart, name)
			require.NotNil(t, s.Healthcheck, "%s: health check", name)
		}
		for variable, value := range s.Environment { // secrets come as files
			if strings.Contains(variable, "PASSWORD") || strings.Contains(variable, "SECRET") || strings.Contains(variable, "DATABASE_URL") {
				require.True(t, strings.HasSuffix(variable, "_FILE"), "%s: %s", name, variable)
				require.Regexp(t, "^/run/secrets/", value, "%s: %s", name, variable)
			}
		}
	}
	require.Equal(t, []string{"127.0.0.1:${GRAFANA_PORT:-3000}:3000"}, file.Services["grafana"].Ports, "for this machine alone")
	require.Equal(t, []string{"observability"}, file.Services["grafana"].Profiles)
	require.Contains(t, file.Services["stats"].Volumes, "warehouse:/warehouse:ro")
	require.Contains(t, file.Services["syncworker"].Volumes, "warehouse:/warehouse")
	for name, s := range file.Services {
		require.Equal(t, name == "account", s.CPUShares > 0 && s.CPUShares < 1024, "%s: only hashing passwords yields to the rest", name)
	}
	require.Equal(t, "never", file.Services["migrate"].PullPolicy, "ingest builds it")
	require.True(t, file.Networks["back"].Internal)
	require.Equal(t, []string{"front"}, file.Services["gateway"].Networks)
	for _, name := range []string{"postgres", "redis", "syncworker", "migrate"} {
		require.Equal(t, []string{"back"}, file.Services[name].Networks, name)
	}
}

func TestDockerfile(t *testing.T) {
	t.Parallel()
	text := read(t, "deployments", "docker", "Dockerfile")
	require.NotContains(t, text, "# syntax", "the engine's own frontend is enough")
	require.NotRegexp(t, `(?m)^RUN.*go mod download`, text, "it would fetch DuckDB for five platforms")
	for _, match := range regexp.MustCompile(`(?m)^FROM (\S+)`).FindAllStringSubmatch(text, -1) {
		switch from := match[1]; from {
		case "source", "runtime", "static", "scratch":
		default:
			require.Regexp(t, `:[0-9].*-bookworm$|-debian12:nonroot$`, from, "of a known Debian")
		}
	}
	users := regexp.MustCompile(`(?m)^USER 65532:65532$`).FindAllString(text, -1)
	require.Len(t, users, 2, "for the runtime of DuckDB and for what is static")
}

// What compose says of CPUs, the units say too: the same share of the others'.
func TestUnitsShareCPUsAsContainersDo(t *testing.T) {
	t.Parallel()
	var file struct{ Services map[string]service }
	require.NoError(t, yaml.Unmarshal([]byte(read(t, "docker-compose.yml")), &file))
	weight := regexp.MustCompile(`(?m)^CPUWeight=([0-9]+)$`)
	for name := range ours {
		unit := read(t, "deployments", "systemd", "eventanalytics-"+name+"@.service")
		require.Contains(t, unit, "ExecStart=/opt/eventanalytics/bin/"+name+"\n")
		match := weight.FindStringSubmatch(unit)
		if shares := file.Services[name].CPUShares; shares == 0 {
			require.Nil(t, match, name)
		} else {
			require.Equal(t, strconv.Itoa(100*shares/1024), match[1], name)
		}
	}
}
