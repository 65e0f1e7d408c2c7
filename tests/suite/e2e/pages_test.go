package e2e

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/tests/harness/stack"
)

var update = flag.Bool("update", false, "write the answers into the pages of docs instead of comparing them")

// TestPagesAreTrue runs the commands of pages of docs and compares what they print with
// what the pages show.
//
// A page has commands in blocks of sh, each followed by a block of what it prints; there,
// a last line "…" stands for the lines that are left out. A section, with a heading of
// two #, asks about the sample, or about the events of its table, which begins with the
// columns of eventColumns.
func TestPagesAreTrue(t *testing.T) {
	for _, name := range []string{"recipes.md", "definitions.md", "sql.md"} {
		t.Run(name, func(t *testing.T) {
			lines := strings.Split(string(repositoryFile(t, "docs", name)), "\n")
			run := func(t *testing.T, s *stack.Stack) []string {
				p := &page{lines: lines, stack: s, dir: t.TempDir()}
				p.sample = withSample(t, s)
				p.run(t)
				return p.out
			}
			if *update {
				root, err := stack.Root()
				require.NoError(t, err)
				out := run(t, targets[0].stack(t))
				require.NoError(t, os.WriteFile(filepath.Join(root, "docs", name), []byte(strings.Join(out, "\n")), 0o644))
				return
			}
			onEach(t, func(t *testing.T, s *stack.Stack) { run(t, s) })
		})
	}
}

// page is one of docs while its commands run.
type page struct {
	lines  []string
	out    []string // with the answers as they were
	stack  *stack.Stack
	dir    string // in which commands run
	sample *caller
}

// shownRows are the lines of an answer that a page shows when it is first written.
const shownRows = 6

func (p *page) run(t *testing.T) {
	asked := p.sample
	heading, answers := "", 0
	for len(p.lines) > 0 {
		line := p.lines[0]
		switch {
		case strings.HasPrefix(line, "## "):
			asked = p.sample
		case strings.HasPrefix(line, "### "):
			heading = line
		case line == eventColumns:
			asked = p.post(t, p.through(""))
			continue
		case line == "```sh":
			commands := p.through("```")
			got := p.shell(t, asked, strings.Join(commands[1:], "\n"))
			if len(p.lines) > 0 && strings.HasPrefix(p.lines[0], "```") {
				p.compare(t, heading, got, p.through("```"))
				answers++
			}
			continue
		}
		p.out, p.lines = append(p.out, line), p.lines[1:]
	}
	require.Positive(t, answers)
}

// through takes the lines up to a mark from the page, and returns those before it.
func (p *page) through(mark string) []string {
	end := 1 + slices.Index(p.lines[1:], mark)
	taken := p.lines[:end]
	p.out, p.lines = append(p.out, p.lines[:end+1]...), p.lines[end+1:]
	return taken
}

// shell runs commands as somebody does who has taken the tour.
func (p *page) shell(t *testing.T, asked *caller, commands string) []string {
	t.Helper()
	commands = strings.ReplaceAll(commands, "localhost:5066", strings.TrimPrefix(p.stack.URL, "http://"))
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", commands)
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), "TOKEN="+asked.Token())
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s\n%s", commands, out)
	require.NotContains(t, string(out), `"type":"/problems/`, commands)
	return strings.Split(strings.TrimRight(string(out), "\n"), "\n")
}

// compare looks at what a block shows of an answer; its fences are in out already.
func (p *page) compare(t *testing.T, heading string, got, block []string) {
	t.Helper()
	shown := block[1:]
	n := len(shown)
	cut := n > 0 && shown[n-1] == "…"
	if cut {
		n--
	}
	if *update {
		if n == 0 {
			n, cut = min(shownRows, len(got)), len(got) > shownRows
		}
		answer := got[:min(n, len(got))]
		if !cut {
			answer = got
		}
		fence := p.out[len(p.out)-1]
		p.out = append(p.out[:len(p.out)-1-len(shown)], answer...)
		if cut {
			p.out = append(p.out, "…")
		}
		p.out = append(p.out, fence)
		return
	}
	require.True(t, !cut || len(got) > n, "%s: there is no more than the page shows", heading)
	if cut {
		got = got[:n]
	}
	require.Equal(t, shown[:n], got, "%s\nif the answers are meant to change: go test ./suite/e2e -run TestPagesAreTrue -update", heading)
}

// eventColumns begins a table of events.
const eventColumns = "| user_id | event_type | occurred_at | properties |"

// post sends the events of a table to a project of their own.
func (p *page) post(t *testing.T, table []string) *caller {
	t.Helper()
	var events []object
	for _, row := range table[2:] {
		cells := strings.Split(strings.TrimSuffix(strings.TrimPrefix(row, "|"), "|"), "|")
		require.Len(t, cells, 4, row)
		for i := range cells {
			cells[i] = strings.Trim(cells[i], " `")
		}
		e := object{"event_id": uuid.NewString(), "user_id": cells[0], "event_type": cells[1], "occurred_at": cells[2]}
		if cells[3] != "" {
			e["properties"] = json.RawMessage(cells[3])
		}
		events = append(events, e)
	}
	body, err := json.Marshal(events)
	require.NoError(t, err)
	c := newUser(t, p.stack.URL)
	receipt := c.Upload(t, string(body))
	require.Equal(t, len(events), receipt.Accepted, "%s", receipt.Errors)
	c.Visible(t, receipt.Position, "/api/stats/event-types")
	return c
}
