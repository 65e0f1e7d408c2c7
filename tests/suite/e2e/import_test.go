package e2e

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/oracle"
	"eventanalytics/tests/harness/sample"
	"eventanalytics/tests/harness/stack"
)

const sampleCSV = "../../harness/sample/events_sample.csv"

// importer runs import_events for one account, with its files in a folder.
type importer struct {
	dir string
	env []string
}

func newImporter(t *testing.T, c *caller) importer {
	t.Helper()
	return importer{newDir(t), []string{"ANALYTICS_URL=" + c.URL(), "ANALYTICS_USERNAME=" + c.Username, "ANALYTICS_PASSWORD=" + c.Password}}
}

// withKey is the same with an API key.
func (i importer) withKey(key string) importer {
	return importer{i.dir, []string{i.env[0], "ANALYTICS_API_KEY=" + key}}
}

func (i importer) checkpoint() string { return filepath.Join(i.dir, "checkpoint") }

func (i importer) rejectFile() string { return filepath.Join(i.dir, "rejects.csv") }

func (i importer) args(file string, flags ...string) []string {
	return append([]string{file, "--checkpoint", i.checkpoint(), "--rejects", i.rejectFile()}, flags...)
}

// imported is what a run said at its end.
type imported struct{ sent, accepted, duplicates, rejected int }

var summaryLine = regexp.MustCompile(`(?m)^ *(\d+) ([a-z]+)$`)

// run imports a file and requires the exit status.
func (i importer) run(t *testing.T, exit int, file string, flags ...string) (imported, string) {
	t.Helper()
	out, err := stack.Command(t.Context(), i.env, "import_events", i.args(file, flags...)...)
	status := 0
	if err != nil {
		var ended *exec.ExitError
		require.ErrorAs(t, err, &ended, out)
		status = ended.ExitCode()
	}
	require.Equal(t, exit, status, out)
	require.NotContains(t, out, password)
	counts := map[string]int{}
	for _, line := range summaryLine.FindAllStringSubmatch(out, -1) {
		counts[line[2]], err = strconv.Atoi(line[1])
		require.NoError(t, err)
	}
	return imported{counts["sent"], counts["accepted"], counts["duplicates"], counts["rejected"]}, out
}

// rejects are the lines of the reject file without its header: line, column,
// code, reason, row, file.
func (i importer) rejects(t *testing.T) [][]string {
	t.Helper()
	text, err := os.ReadFile(i.rejectFile())
	require.NoError(t, err)
	all, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"line", "column", "code", "reason", "row", "file"}, all[0])
	return all[1:]
}

// reject adds a line to the reject file, as an import does before it is killed.
func (i importer) reject(t *testing.T, line string) {
	t.Helper()
	f, err := os.OpenFile(i.rejectFile(), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString(line)
	require.NoError(t, errors.Join(err, f.Close()))
}

// imports requires that the account has these events and no others.
func imports(t *testing.T, c *caller, events []sample.Event) {
	t.Helper()
	expected := make([]oracle.Event, len(events))
	for i, e := range events {
		expected[i] = oracle.Event{UserID: strconv.Itoa(e.UserID), Type: e.Type, At: e.OccurredAt}
	}
	known, err := json.Marshal(events[0])
	require.NoError(t, err)
	r := c.Upload(t, string(known))
	require.Equal(t, 1, r.Duplicates)
	require.Empty(t, r.Errors)
	agree(t, c, r.Position, expected)
}

// TestImport imports the same events in each form and way: only the first time
// they are new, and never another content.
func TestImport(t *testing.T) {
	events := sample.Generate(sample.August())
	onEach(t, func(t *testing.T, s *stack.Stack) {
		c := newUser(t, s.URL)
		i := newImporter(t, c)
		key, _ := c.Key(t, "ingest")

		got, out := i.run(t, 0, sampleCSV, "--dry-run")
		require.Contains(t, out, "5000 valid")
		require.Equal(t, imported{}, got)

		got, _ = i.run(t, 0, sampleCSV, "--batch", "700")
		require.Equal(t, imported{sent: 5000, accepted: 5000}, got)
		require.NoFileExists(t, i.checkpoint())
		require.NoFileExists(t, i.rejectFile())
		imports(t, c, events)

		again := imported{sent: 5000, duplicates: 5000}
		got, _ = i.run(t, 0, sampleCSV)
		require.Equal(t, again, got)
		got, _ = i.withKey(key).run(t, 0, sampleCSV, "--compression", "none")
		require.Equal(t, again, got)
		got, _ = i.run(t, 0, writeNDJSON(t, i.dir, events), "--compression", "gzip", "--parallel", "1")
		require.Equal(t, again, got)
		got, _ = i.run(t, 0, writeParquet(t, i.dir, events))
		require.Equal(t, again, got)
		imports(t, c, events)

		other := newUser(t, s.URL)
		key, _ = other.Key(t, "ingest")
		got, _ = i.withKey(key).run(t, 0, filepath.Join(i.dir, "events.parquet"))
		require.Equal(t, imported{sent: 5000, accepted: 5000}, got)
		imports(t, other, events)
	})
}

// TestExportsAreImportable exports events with everything that a file can spoil and
// imports them twice: where they are known, as duplicates, so that not a byte of
// them differs; and into another project, as new.
func TestExportsAreImportable(t *testing.T) {
	onEach(t, func(t *testing.T, s *stack.Stack) {
		c := newUser(t, s.URL)
		i := newImporter(t, c)
		var events []string
		for _, text := range []string{
			`a\r\nb`, `a\rb`, `\n`, `\"q\"`, "a,b", " a ", "'", "=1+1", "#", "NULL", `\\N`, `é\u0085\u2028\ufeff`, `\u001b[31m`, "\U0001f600",
		} {
			events = append(events,
				fmt.Sprintf(`{"event_id":"%s","occurred_at":"2025-08-01T00:00:00.000001Z","user_id":"%s","event_type":"a"}`, newID(), text),
				fmt.Sprintf(`{"event_id":"%s","occurred_at":"1970-01-01T00:00:00Z","user_id":1,"event_type":"a","properties":{"%[2]s":"%[2]s","z":1.0}}`, newID(), text))
		}
		for _, properties := range []string{"null", "{}", "{\r\n \"a\": [1e5, 1E5, true]}", `{"a":"` + strings.Repeat("x", 30<<10) + `"}`} {
			events = append(events, fmt.Sprintf(`{"event_id":"%s","occurred_at":"2025-08-01T00:00:00+05:45","user_id":1,"event_type":"b","properties":%s}`, newID(), properties))
		}
		r := c.Upload(t, array(events...))
		require.Equal(t, len(events), r.Accepted, "%v", r.Errors)
		c.Visible(t, r.Position, "/api/stats/event-types")

		env := []string{"DATABASE_URL=" + s.DatabaseURL, "WAREHOUSE_DIR=" + filepath.Join(workDir, filepath.Base(t.Name()), "warehouse")}
		if s.Main == nil {
			env = append(env, s.Warehouse()...)
		}
		for _, name := range []string{"events.csv", "events.parquet"} {
			file := filepath.Join(i.dir, name)
			out, err := stack.Command(t.Context(), env, "syncworker", "warehouse", "export", "--project", strconv.FormatInt(c.Project, 10), file)
			require.NoError(t, err, out)
			got, out := i.run(t, 0, file)
			require.Equal(t, imported{sent: len(events), duplicates: len(events)}, got, out)
			other := newUser(t, s.URL)
			key, _ := other.Key(t, "ingest")
			got, out = i.withKey(key).run(t, 0, file)
			require.Equal(t, imported{sent: len(events), accepted: len(events)}, got, out)
		}
	})
}

func writeNDJSON(t *testing.T, dir string, events []sample.Event) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	for _, e := range events {
		require.NoError(t, json.NewEncoder(z).Encode(e))
	}
	require.NoError(t, z.Close())
	path := filepath.Join(dir, "events.ndjson.gz")
	require.NoError(t, os.WriteFile(path, b.Bytes(), 0o600))
	return path
}

func writeParquet(t *testing.T, dir string, events []sample.Event) string {
	t.Helper()
	type row struct {
		ID         uuid.UUID `parquet:"event_id,uuid"`
		OccurredAt time.Time `parquet:"occurred_at,timestamp(millisecond)"`
		UserID     int64     `parquet:"user_id"`
		Type       string    `parquet:"event_type,dict"`
		Properties string    `parquet:"properties_json"`
	}
	rows := make([]row, len(events))
	for i, e := range events {
		properties, err := json.Marshal(e.Properties)
		require.NoError(t, err)
		rows[i] = row{e.ID, e.OccurredAt, int64(e.UserID), e.Type, string(properties)}
	}
	path := filepath.Join(dir, "events.parquet")
	require.NoError(t, parquet.WriteFile(path, rows, parquet.MaxRowsPerRowGroup(1500)))
	return path
}

// TestImportRejects has rows that are malformed, invalid for the service, or
// known with another content: more of each than one answer lists.
func TestImportRejects(t *testing.T) {
	onEach(t, func(t *testing.T, s *stack.Stack) {
		c := newUser(t, s.URL)
		i := newImporter(t, c)
		known := make([]string, 150)
		var stored []string
		for n := range known {
			known[n] = newID()
			stored = append(stored, event(known[n]))
		}
		c.Upload(t, array(stored...))

		file := "event_id,occurred_at,user_id,event_type,properties_json\n"
		line, good := 2, 0
		var want [][3]string // line, column, code
		add := func(row, column, code string) {
			if code == "" {
				good++
			} else {
				want = append(want, [3]string{strconv.Itoa(line), column, code})
			}
			file += row + "\n"
			line += 1 + strings.Count(row, "\n")
		}
		for n := range known {
			add(newID()+`,2025-08-01T10:00:00Z,1,view,"{""n"":`+"\n"+strconv.Itoa(n)+`}"`, "", "")
			add(newID()+",1969-12-31T00:00:00Z,1,view,", "occurred_at", "timestamp-too-early")
			add(known[n]+",2025-08-01T10:00:00Z,2,view,", "event_id", "conflict")
			add(newID()+",yesterday,1,view,", "occurred_at", "invalid-timestamp")
			add(newID()+",2025-08-01T10:00:00Z,1,view,[]", "properties_json", "invalid-field")
			add("x,y", "", "wrong-field-count")
		}
		path := filepath.Join(i.dir, "events.csv")
		require.NoError(t, os.WriteFile(path, []byte(file), 0o600))

		check := func(wantHere imported, got imported) {
			require.Equal(t, wantHere, got)
			rejects := i.rejects(t)
			require.Len(t, rejects, len(want))
			for n, r := range rejects {
				require.Equal(t, want[n], [3]string(r[:3]))
				require.NotEmpty(t, r[3])
			}
		}
		got, _ := i.run(t, 3, path)
		check(imported{sent: 3 * len(known), accepted: good, rejected: len(want)}, got)
		got, _ = i.run(t, 3, path, "--batch", "7")
		check(imported{sent: 3 * len(known), duplicates: good, rejected: len(want)}, got)

		// Nobody but the service knows of the conflicts.
		got, out := i.run(t, 3, path, "--dry-run")
		require.Equal(t, imported{rejected: 4 * len(known)}, got)
		require.Contains(t, out, "300 valid")
	})
}

// TestImportGoesOn kills an import and interrupts the next: the third run ends
// with every event counted once and every rejected row written once.
func TestImportGoesOn(t *testing.T) {
	const count = 30_000
	cfg := sample.August()
	cfg.Seed, cfg.Events = 30, count
	events := sample.Generate(cfg)
	var table bytes.Buffer
	require.NoError(t, sample.WriteCSV(&table, events))
	lines := strings.SplitAfter(table.String(), "\n")
	var file strings.Builder
	var want []string // lines of rejected rows
	number := 0
	for n, line := range lines {
		if n > 0 && n%50 == 0 {
			number++
			want = append(want, strconv.Itoa(number))
			file.WriteString("broken\n")
		}
		number++
		file.WriteString(line)
	}
	onEach(t, func(t *testing.T, s *stack.Stack) {
		c := newUser(t, s.URL)
		i := newImporter(t, c)
		path := filepath.Join(i.dir, "events.csv")
		require.NoError(t, os.WriteFile(path, []byte(file.String()), 0o600))
		flags := []string{"--batch", "50"}

		ended := i.signal(t, syscall.SIGKILL, 2000, path, flags...)
		require.Equal(t, -1, ended.ExitCode(), "it was killed")
		killed := i.records(t)
		require.Less(t, killed, count)
		i.reject(t, "7,,written,behind the checkpoint,,\n")

		info, err := os.Stat(path)
		require.NoError(t, err)
		require.NoError(t, os.Chtimes(path, time.Time{}, info.ModTime().Add(time.Second)))
		_, out := i.run(t, 1, path, flags...)
		require.Contains(t, out, "the file has changed")
		require.NoError(t, os.Chtimes(path, time.Time{}, info.ModTime()))

		ended = i.signal(t, os.Interrupt, killed+2000, path, flags...)
		require.Equal(t, 1, ended.ExitCode(), "it was interrupted")
		require.Less(t, i.records(t), count)

		got, out := i.run(t, 3, path, flags...)
		require.Contains(t, out, "resuming after ")
		require.Equal(t, imported{sent: count, accepted: count, rejected: len(want)}, got)
		require.NoFileExists(t, i.checkpoint())
		var lines []string
		for _, r := range i.rejects(t) {
			lines = append(lines, r[0])
		}
		require.Equal(t, want, lines)
		imports(t, c, events)
	})
}

// records is how many the checkpoint says are done; 0 without one.
func (i importer) records(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile(i.checkpoint())
	if errors.Is(err, os.ErrNotExist) {
		return 0
	}
	require.NoError(t, err)
	var state struct{ Records int }
	require.NoError(t, json.Unmarshal(text, &state))
	return state.Records
}

// signal starts an import and sends it a signal when the checkpoint says that so
// many records are done.
func (i importer) signal(t *testing.T, signal os.Signal, records int, file string, flags ...string) *os.ProcessState {
	t.Helper()
	root, err := stack.Root()
	require.NoError(t, err)
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), filepath.Join(root, "bin", "import_events"), i.args(file, flags...)...)
	cmd.Env, cmd.Stdout, cmd.Stderr = i.env, &out, &out
	require.NoError(t, cmd.Start())
	require.Eventually(t, func() bool { return i.records(t) >= records }, time.Minute, time.Millisecond)
	require.NoError(t, cmd.Process.Signal(signal))
	var ended *exec.ExitError
	require.ErrorAs(t, cmd.Wait(), &ended, fmt.Sprintf("it ended before %d records: %s", records, out.String()))
	return ended.ProcessState
}

func TestImportIsRefused(t *testing.T) {
	onEach(t, func(t *testing.T, s *stack.Stack) {
		c := newUser(t, s.URL)
		i := newImporter(t, c)
		key, _ := c.Key(t, "read")
		_, out := i.withKey(key).run(t, 1, sampleCSV)
		require.Contains(t, out, "403")
		require.NotContains(t, out, key)

		i.env[2] = "ANALYTICS_PASSWORD=wrong"
		_, out = i.run(t, 1, sampleCSV)
		require.Contains(t, out, "user name or password is wrong")

		_, out = importer{i.dir, i.env[:1]}.run(t, 2, sampleCSV)
		require.Contains(t, out, "give --username and --password, or --api-key")
	})
}
