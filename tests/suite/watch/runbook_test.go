package watch

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/platform/postgres/pgtest"
)

// pages of the runbook by alert.
func pages(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(path(t, "docs", "runbook", "*.md"))
	require.NoError(t, err)
	found := map[string]string{}
	for _, file := range files {
		if name := strings.TrimSuffix(filepath.Base(file), ".md"); name != "README" {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			found[name] = string(text)
		}
	}
	return found
}

var sections = []string{"## What it means", "## How to see it", "## Likely causes", "## What to do", "## When it is over"}

func TestEachAlertHasItsPage(t *testing.T) {
	t.Parallel()
	pages, index := pages(t), string(read(t, "docs", "runbook", "README.md"))
	alerts := map[string]bool{}
	for _, r := range rules(t) {
		if r.Alert == "" {
			continue
		}
		alerts[r.Alert] = true
		page, ok := pages[r.Alert]
		require.True(t, ok, "%s has no page", r.Alert)
		require.True(t, strings.HasPrefix(page, "# "+r.Alert+"\n"), r.Alert)
		require.Contains(t, index, "["+r.Alert+"]("+r.Alert+".md)")
		for _, section := range sections {
			require.Contains(t, page, "\n"+section+"\n", r.Alert)
		}
	}
	for name := range pages {
		require.True(t, alerts[name], "%s.md belongs to no alert", name)
	}
}

var mentioned = regexp.MustCompile(`\banalytics_\w+`)

func TestPagesSpeakOfKnownMetrics(t *testing.T) {
	t.Parallel()
	k := knownSeries(t)
	for name, page := range pages(t) {
		for _, metric := range mentioned.FindAllString(page, -1) {
			require.True(t, k[metric] != nil || k[metric+"_count"] != nil, "%s speaks of %s", name, metric)
		}
	}
}

var statements = regexp.MustCompile("(?s)```sql\n(.*?)```")

// TestStatementsRun: each statement of the runbook is one that our database
// takes.
func TestStatementsRun(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	ran := 0
	for name, page := range pages(t) {
		for _, block := range statements.FindAllStringSubmatch(page, -1) {
			_, err := pool.Exec(t.Context(), block[1], pgx.QueryExecModeSimpleProtocol)
			require.NoError(t, err, "%s: %s", name, block[1])
			ran++
		}
	}
	require.Greater(t, ran, 5)
}

var composeServices = regexp.MustCompile(`docker compose (?:exec|logs|restart|stop|start|run --rm)((?: -\S+| --\S+)*) ([a-z]+)`)

func TestPagesNameServicesOfCompose(t *testing.T) {
	t.Parallel()
	compose := readYAML[struct{ Services map[string]any }](t, "docker-compose.yml")
	checked := 0
	for name, page := range pages(t) {
		for _, command := range composeServices.FindAllStringSubmatch(page, -1) {
			require.Contains(t, compose.Services, command[2], "%s: %s", name, command[0])
			checked++
		}
	}
	require.Greater(t, checked, 10)
}
