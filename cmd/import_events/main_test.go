package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/cmd/import_events/preset"
)

// command runs the program in a folder of its own, with these files in it.
func command(t *testing.T, files map[string]string, args ...string) (exit int, stdout, stderr string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, content := range files {
		require.NoError(t, os.WriteFile(name, []byte(content), 0o600))
	}
	said, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	require.NoError(t, err)
	defer said.Close()
	var out bytes.Buffer
	exit = run(args, &out, said)
	text, err := os.ReadFile(said.Name())
	require.NoError(t, err)
	return exit, out.String(), string(text)
}

func TestDryRunShowsEvents(t *testing.T) {
	files := map[string]string{
		"a.csv": "when;uid;price\n01.08.2025 10:00;7;1.5\n01.08.2025 11:00;x;\n",
		"b.csv": "when;uid;price\n01.08.2025 12:00;42.0;2\n01.08.2025 13:00;y;3\n01.08.2025 14:00;z;4\n",
	}
	exit, out, said := command(t, files, "--dry-run", "[ab].csv", "--map", "occurred_at=when,user_id=uid", "--id-from", "uid,when",
		"--event-type", "order", "--rest", "properties", "--type", "price=number", "--time-format", "%d.%m.%Y %H:%M", "--zone", "Europe/Kyiv")
	require.Equal(t, exitRejected, exit, said)
	require.Contains(t, out, `a.csv, line 2:
{
  "event_id": "`)
	require.Contains(t, out, `  "occurred_at": "2025-08-01T07:00:00Z",
  "user_id": "7",
  "event_type": "order",
  "properties": {
    "price": 1.5
  }
}
a.csv, line 3:
`)
	require.Contains(t, out, "b.csv, line 3:\n")
	require.NotContains(t, out, "b.csv, line 4:\n", "only the first three")
	require.Contains(t, out, "4 valid")
	require.Contains(t, said, "separated by semicolons")
	rejects, err := os.ReadFile("a.csv+1.dry-run.rejects.csv")
	require.NoError(t, err)
	require.Contains(t, string(rejects), "\n2,uid,ambiguous-user,")
	require.True(t, strings.HasSuffix(string(rejects), ",b.csv\n"), "%s", rejects)
}

func TestCommandLineIsRefused(t *testing.T) {
	files := map[string]string{"a.csv": "a,b\n1,2\n", "b.csv": "a,b\n1,2\n"}
	for _, c := range []struct {
		args string
		want []string
	}{
		{"none.csv", []string{"none.csv"}},
		{"none*.csv", []string{"none*.csv"}},
		{"a.csv a.csv", []string{"a.csv is named twice"}},
		{"a.csv ?.csv", []string{"a.csv is named twice"}},
		{"a.csv ./a.csv", []string{"./a.csv is named twice"}},
		{".", []string{"is a folder"}},
		{"a.csv -", []string{"standard input"}},
		{"- --checkpoint c --api-key k", []string{"--checkpoint"}},
		{"- --id-from row --format csv", []string{"--id-from row"}},
		{"a.csv --preset heap", []string{"--preset", `"heap"`, "amplitude"}},
		{"a.csv --preset umami --map user_id=a --rest drop", []string{"--map", "--rest"}},
		{"a.csv --preset umami --api-key k", []string{"--project"}},
		{"a.csv --preset ga4 --zone Europe/Kyiv", []string{"--zone", "ga4"}},
		{"a.csv --map user_id", []string{"--map"}},
		{"a.csv --format xml", []string{"--format", "xml"}},
		{"a.csv --delimiter x", []string{"--delimiter"}},
		{"a.csv --user-numbers x", []string{"--user-numbers"}},
		{"a.csv --api-key k --rejects a.csv", []string{"a.csv is the file to be imported"}},
		{"a.csv b.csv --api-key k --rejects b.csv", []string{"b.csv is the file to be imported"}},
	} {
		exit, out, said := command(t, files, strings.Fields(c.args)...)
		require.Equal(t, exitUsage, exit, "%s: %s", c.args, said)
		require.Empty(t, out)
		for _, want := range c.want {
			require.Contains(t, said, want, c.args)
		}
	}
	exit, _, said := command(t, files, "a.csv", "--dry-run", "--map", "user_id=a", "--id-from", "content", "--event-type", "x")
	require.Equal(t, exitFailed, exit)
	require.Contains(t, said, `"occurred_at"`)
}

// TestPresetKeepsItsDialect: another separator does not make quotes special in a file that
// quotes nothing.
func TestPresetKeepsItsDialect(t *testing.T) {
	p, err := preset.Find("snowplow")
	require.NoError(t, err)
	for delimiter, comma := range map[string]string{"auto": "\t", "tab": "\t", "bar": "|"} {
		cells := make([]string, len(p.Columns))
		for column, value := range map[string]string{
			"event_id": "25a4b866-040b-466f-945c-148e4720f511", "event": "page_view", "user_id": "ann", "derived_tstamp": "2025-08-01 10:00:00.123", "page_title": `"Home`,
		} {
			cells[slices.Index(p.Columns, column)] = value
		}
		exit, out, said := command(t, map[string]string{"part-0": strings.Join(cells, comma) + "\n"}, "part-0", "--dry-run", "--preset", "snowplow", "--delimiter", delimiter)
		require.Equal(t, exitStored, exit, "%s: %s", delimiter, said)
		require.Contains(t, out, `"page_title": "\"Home"`, delimiter)
	}
}

// TestIdentity: an import may go on with another rule for conflicts, which changes no event,
// but not with another mapping.
func TestIdentity(t *testing.T) {
	t.Parallel()
	o := options{Preset: "ga4", Conflicts: "reject"}
	kept := o
	kept.Conflicts = "keep"
	require.Equal(t, o.identity(), kept.identity())
	other := o
	other.EventType = "x"
	require.NotEqual(t, o.identity(), other.identity())
}
