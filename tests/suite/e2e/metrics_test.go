package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/tests/harness/stack"
)

// TestMetricsAreScraped: Prometheus itself, with our rules, collects from the
// running services. After a little traffic each documented metric has samples
// and no condition of a critical alert holds, except where it is true of this machine.
func TestMetricsAreScraped(t *testing.T) {
	t.Parallel()
	s := targets[1].stack(t)
	require.Len(t, s.Addresses, 4)
	p := startPrometheus(t, s)

	c := newUser(t, s.URL)
	c.Send(t, `[{"event_id":"0b0e8a5c-93a8-4d0c-8b0e-54d1a1c3f001","occurred_at":"2025-08-01T00:00:00Z","user_id":1,"event_type":"x"}]`).Is(t, 202, "")
	require.Eventually(t, func() bool {
		var answer struct{ Data []any }
		c.Get(t, "/api/stats/dau", "from", "2025-08-01", "to", "2025-08-01").Is(t, 200, "").Decode(t, &answer)
		return len(answer.Data) == 1
	}, 30*time.Second, 100*time.Millisecond)

	root, err := stack.Root()
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(root, "docs", "metrics.md"))
	require.NoError(t, err)
	documented := regexp.MustCompile("(?m)^\\| `(\\w+)` ").FindAllSubmatch(text, -1)
	documented = slices.DeleteFunc(documented, func(row [][]byte) bool {
		return strings.HasPrefix(string(row[1]), "analytics_gateway_") // of the standalone; here nginx is the gateway
	})
	require.Greater(t, len(documented), 30)
	var missing []string
	require.Eventually(t, func() bool {
		missing = nil
		for _, row := range documented {
			if p.query(t, fmt.Sprintf(`{__name__=~"%s(_count)?"}`, row[1])) == 0 {
				missing = append(missing, string(row[1]))
			}
		}
		return len(missing) == 0
	}, 60*time.Second, 500*time.Millisecond, "metrics without samples: %v", &missing)
	// A scrape that a busy machine does not end in a second counts as down.
	require.Eventually(t, func() bool { return p.query(t, "up == 1") == 4 }, 60*time.Second, 500*time.Millisecond)

	var wrong []string
	require.Eventually(t, func() bool {
		wrong = p.rules(t)
		return len(wrong) == 0
	}, 60*time.Second, 500*time.Millisecond, "rules: %v", &wrong)
}

// prometheus is the base URL of a running one.
type prometheus string

// startPrometheus starts Prometheus on the services' own addresses and waits
// until it answers.
func startPrometheus(t *testing.T, s *stack.Stack) prometheus {
	t.Helper()
	root, err := stack.Root()
	require.NoError(t, err)
	port, err := stack.FreePort()
	require.NoError(t, err)
	dir := newDir(t)
	config := "global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [" +
		filepath.Join(root, "deployments", "prometheus", "alerts.yml") + "]\nscrape_configs:\n"
	for job, address := range s.Addresses {
		config += fmt.Sprintf("  - {job_name: %s, static_configs: [{targets: [%q]}]}\n", job, address)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(config), 0o600))
	log, err := os.Create(filepath.Join(dir, "log"))
	require.NoError(t, err)
	address := fmt.Sprintf("127.0.0.1:%d", port)
	cmd := exec.Command("prometheus", "--config.file="+filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address)
	cmd.Stdout, cmd.Stderr = log, log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
		require.NoError(t, cmd.Wait())
		require.NoError(t, log.Close())
	})
	require.Eventually(t, func() bool {
		response, err := http.Get("http://" + address + "/-/ready")
		return err == nil && response.Body.Close() == nil && response.StatusCode == http.StatusOK
	}, 30*time.Second, 50*time.Millisecond)
	return prometheus("http://" + address)
}

func (p prometheus) get(t *testing.T, path string, into any) {
	t.Helper()
	response, err := http.Get(string(p) + path)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode, path)
	require.NoError(t, json.NewDecoder(response.Body).Decode(into))
}

// query returns how many series a query finds.
func (p prometheus) query(t *testing.T, text string) int {
	t.Helper()
	var answer struct{ Data struct{ Result []any } }
	p.get(t, "/api/v1/query?query="+url.QueryEscape(text), &answer)
	return len(answer.Data.Result)
}

// rules returns the rules that were not evaluated yet or failed, and the
// critical alerts whose condition holds, for however short a time.
func (p prometheus) rules(t *testing.T) (wrong []string) {
	t.Helper()
	var answer struct {
		Data struct {
			Groups []struct {
				Rules []struct {
					Name, Type, Health, LastError, State string
					Labels                               map[string]string
				}
			}
		}
	}
	p.get(t, "/api/v1/rules", &answer)
	n := 0
	for _, group := range answer.Data.Groups {
		for _, r := range group.Rules {
			n++
			holds := r.State != "inactive" && (r.Name != "WarehouseDiskLow" || !diskIsLow(t))
			if r.Health != "ok" || r.Labels["severity"] == "critical" && holds {
				wrong = append(wrong, strings.TrimSpace(fmt.Sprintln(r.Name, r.Health, r.LastError, r.State)))
			}
		}
	}
	require.Greater(t, n, 15)
	return wrong
}

// diskIsLow tells whether the disk of the tests themselves is almost full: the alert
// has every reason to say so.
func diskIsLow(t *testing.T) bool {
	t.Helper()
	var disk syscall.Statfs_t
	require.NoError(t, syscall.Statfs(workDir, &disk))
	return float64(disk.Bavail) < 0.06*float64(disk.Blocks)
}
