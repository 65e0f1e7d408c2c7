package security

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventanalytics/tests/harness/stack"
)

// TestSQLAttacks posts every statement of pkg/warehouse/sandbox/testdata/attacks.txt, and more
// than these through the gateway, as owners of several projects at once. None shows anything of
// another project, or of the machine; whatever is said of it is a 4xx, or own data.
func TestSQLAttacks(t *testing.T) {
	t.Parallel()
	other := newPlace(t, "other")
	const owners = 3
	statements := make(chan string)
	var all sync.WaitGroup
	for range owners {
		u := register(t, "asks by SQL")
		u.visible(t, uuid.NewString(), "own")
		own := pathOf(t, u.project)
		words := strings.NewReplacer(
			`\n`, "\n", `\t`, "\t", `\z`, "\x00",
			"MARK", other.mark, "OTHER", pathOf(t, other.owner.project), "OWN", own, "DIR", filepath.Dir(filepath.Dir(own)),
		)
		all.Go(func() {
			for statement := range statements {
				text := words.Replace(statement)
				a := u.ask(t, "POST", gateway+"/api/sql", object("sql", text))
				if !assert.Contains(t, []int{200, 422}, a.status, "%.300q: %s", text, a) {
					continue
				}
				said := string(a.body)
				if a.status == 200 { // the query repeats the statement
					said = said[:strings.Index(said, `"query":`)]
				}
				if !strings.Contains(text, other.mark) {
					assert.NotContains(t, said, other.mark, "%.300q", text)
				}
				assert.NotContains(t, said, "root:", "%.300q", text)
				assert.NotContains(t, said, authSecret, "%.300q", text)
			}
		})
	}
	refused := attacks(t)
	for _, s := range refused {
		statements <- s
	}
	close(statements)
	all.Wait()
	var counted struct{ Data []struct{ N int } }
	other.owner.ask(t, "POST", gateway+"/api/sql", object("sql", "SELECT count(*) AS n FROM events")).is(t, 200).decode(t, &counted)
	require.Positive(t, counted.Data[0].N, "the service still answers")
	for _, r := range stats {
		nobody.ask(t, "GET", r.url+"/readyz", "").is(t, 200)
	}
}

// attacks are the statements of the corpus.
func attacks(t *testing.T) (all []string) {
	t.Helper()
	root, err := stack.Root()
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(root, "pkg", "warehouse", "sandbox", "testdata", "attacks.txt"))
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSuffix(line, "\n"); line != "" && line[0] != '#' && line[0] != '[' {
			all = append(all, line)
		}
	}
	require.GreaterOrEqual(t, len(all), 400)
	return append(all, "SELECT "+strings.Repeat("(", 5000), "SELECT "+strings.Repeat("a.", 5000)+"b", "SELECT 1"+strings.Repeat(", 1 AS x", 1500), strings.Repeat("WITH ", 3000))
}

// pathOf returns where a file of a project's events is.
func pathOf(t *testing.T, project int64) string {
	t.Helper()
	var name, found string
	require.NoError(t, db.QueryRow(t.Context(), "SELECT path FROM analytics.segments WHERE project_id = $1 ORDER BY path LIMIT 1", project).Scan(&name))
	require.NoError(t, filepath.WalkDir(workDir, func(path string, _ fs.DirEntry, _ error) error {
		if strings.HasSuffix(path, "/"+name) {
			found = path
			return fs.SkipAll
		}
		return nil
	}))
	require.NotEmpty(t, found, name)
	return found
}
