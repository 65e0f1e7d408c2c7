package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/oracle"
	"eventanalytics/tests/harness/api"
	"eventanalytics/tests/harness/stack"
)

// TestMappedImportGoesOn kills an import of files in another form: it is resumed with the
// same mapping only, and rows that are equal count as often as they are there.
func TestMappedImportGoesOn(t *testing.T) {
	const count, files = 9_000, 3
	onEach(t, func(t *testing.T, s *stack.Stack) {
		c := newUser(t, s.URL)
		i := newImporter(t, c)
		var expected []oracle.Event
		var paths []string
		begin := time.Date(2025, 8, 1, 0, 0, 0, 0, time.UTC)
		for f := range files {
			var b strings.Builder
			b.WriteString("when;who;what\n")
			for n := range count / files {
				at := begin.Add(time.Duration(f*count/files+n/2) * time.Minute) // each row twice
				fmt.Fprintf(&b, "%s;%d;view\n", at.Format("02.01.2006 15:04"), n/2%70)
				expected = append(expected, oracle.Event{UserID: strconv.Itoa(n / 2 % 70), Type: "view", At: at})
			}
			paths = append(paths, filepath.Join(i.dir, fmt.Sprintf("part-%d.csv", f)))
			require.NoError(t, os.WriteFile(paths[f], []byte(b.String()), 0o600))
		}
		pattern := filepath.Join(i.dir, "part-*.csv")
		flags := []string{
			"--map", "occurred_at=when,user_id=who,event_type=what", "--id-from", "content", "--time-format", "%d.%m.%Y %H:%M", "--batch", "50",
		}
		ended := i.signal(t, syscall.SIGKILL, 4000, pattern, flags...)
		require.Equal(t, -1, ended.ExitCode(), "it was killed")

		_, out := i.run(t, 1, pattern, append(flags, "--zone", "Europe/Kyiv")...)
		require.Contains(t, out, "another import")
		require.Contains(t, out, "--id-from")
		_, out = i.run(t, 1, paths[0], flags...)
		require.Contains(t, out, "the file has changed")

		got, out := i.run(t, 0, pattern, flags...)
		require.Contains(t, out, "resuming after ")
		require.Equal(t, imported{sent: count, accepted: count}, got)
		got, _ = i.run(t, 0, pattern, flags...)
		require.Equal(t, imported{sent: count, duplicates: count}, got)

		again, err := os.ReadFile(paths[0])
		require.NoError(t, err)
		out = i.pipe(t, string(again), "-", append(flags, "--format", "csv", "--rejects", i.rejectFile())...)
		require.Contains(t, out, fmt.Sprintf("%d duplicates", count/files))

		r := c.Upload(t, event(newID()))
		expected = append(expected, oracle.Event{UserID: "1", Type: "view", At: begin.Add(10 * time.Hour)})
		const from, to = "2025-08-01", "2025-08-08"
		require.Equal(t, oracle.TopEvents(expected, from, to, time.UTC, 10),
			api.Rows[oracle.TypeCount](t, c, r.Position, "/api/stats/top-events", "from", from, "to", to))
		require.Equal(t, oracle.DAU(expected, from, to, time.UTC), api.Rows[oracle.DayUsers](t, c, r.Position, "/api/stats/dau", "from", from, "to", to))
	})
}

// pipe runs an import of the standard input, which must succeed.
func (i importer) pipe(t *testing.T, input, file string, flags ...string) string {
	t.Helper()
	root, err := stack.Root()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), filepath.Join(root, "bin", "import_events"), append([]string{file}, flags...)...)
	cmd.Dir, cmd.Env, cmd.Stdin = i.dir, i.env, strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return string(out)
}

// TestExportsOfVendorsAreKnown sends events as SDKs do and imports the vendors' exports of
// the same events: what the SDK sent is counted once, whatever its id looks like.
func TestExportsOfVendorsAreKnown(t *testing.T) {
	const uuid = "25a4b866-040b-466f-945c-148e4720f5"
	onEach(t, func(t *testing.T, s *stack.Stack) {
		c := newUser(t, s.URL)
		i := newImporter(t, c)
		key, _ := c.Key(t, "ingest")
		for n, v := range []struct{ preset, path, sent, export string }{
			{
				"rudderstack", "/v1/batch", `{"batch":[{"type":"track","messageId":"ajs-next-1-a","userId":"ann","event":"a","timestamp":"2025-08-01T10:00:00Z"},
					{"type":"page","messageId":"` + uuid + `01","anonymousId":"x","timestamp":"2025-08-01T10:00:00Z"}]}`,
				`{"type":"track","messageId":"ajs-next-1-a","userId":"ann","event":"a","timestamp":"2025-08-01T10:00:00Z","receivedAt":"2025-08-01T10:00:01Z"}` + "\n" +
					`{"type":"page","messageId":"` + uuid + `01","anonymousId":"x","timestamp":"2025-08-01T10:00:00Z"}`,
			},
			{
				"amplitude", "/2/httpapi", `{"api_key":"KEY","events":[{"event_type":"a","device_id":"d","insert_id":"i1","time":1754042400000},{"event_type":"a","user_id":"ann","insert_id":"` + uuid + `02","time":1754042400000}]}`,
				`{"event_type":"a","device_id":"d","$insert_id":"i1","event_time":"2025-08-01 10:00:00.000000"}` + "\n" +
					`{"event_type":"a","user_id":"ann","$insert_id":"` + uuid + `02","event_time":"2025-08-01 10:00:00.000000"}`,
			},
			{
				"mixpanel", "/import", `[{"event":"a","properties":{"token":"KEY","time":1754042400.533,"distinct_id":"$device:d","$insert_id":"c50ofa1b6yjo94f2"}},
					{"event":"$mp_web_page_view","properties":{"token":"KEY","time":1754042400000,"distinct_id":"ann","$insert_id":"c50ofa1b6yjo94f3"}}]`,
				`{"event":"a","properties":{"time":1754042400533,"distinct_id":"ann","$distinct_id_before_identity":"$device:d","$insert_id":"c50ofa1b6yjo94f2"}}` + "\n" +
					`{"event":"$mp_web_page_view","properties":{"time":1754042400000,"distinct_id":"ann","$insert_id":"c50ofa1b6yjo94f3"}}`,
			},
			{
				"posthog", "/batch", `{"api_key":"KEY","batch":[{"event":"a","uuid":"` + uuid + `03","distinct_id":"ann","timestamp":"2025-08-01T10:00:00Z"},{"event":"b","uuid":"p1","distinct_id":"ann","timestamp":"2025-08-01T10:00:00Z"}]}`,
				`{"event":"a","uuid":"` + uuid + `03","distinct_id":"ann","timestamp":"2025-08-01T10:00:00Z","properties":{}}` + "\n" +
					`{"event":"b","uuid":"p1","distinct_id":"ann","timestamp":"2025-08-01T10:00:00Z","properties":{}}`,
			},
		} {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+v.path, strings.NewReader(strings.ReplaceAll(v.sent, "KEY", key)))
			require.NoError(t, err)
			request.Header.Set("Content-Type", "application/json")
			request.Header.Set("X-API-Key", key)
			answer, err := http.DefaultClient.Do(request)
			require.NoError(t, err)
			require.NoError(t, answer.Body.Close())
			require.Equal(t, http.StatusOK, answer.StatusCode, v.preset)

			file := filepath.Join(i.dir, v.preset+".json")
			other := `{"event":"c","event_type":"c","type":"track","uuid":"new","messageId":"new","$insert_id":"new","distinct_id":"bob","user_id":"bob","userId":"bob","timestamp":"2025-08-01T11:00:00Z","event_time":"2025-08-01 11:00:00","properties":{"time":1754046000,"distinct_id":"bob","$insert_id":"new"}}`
			require.NoError(t, os.WriteFile(file, []byte(v.export+"\n"+other+"\n"), 0o600))
			flags := []string{"--preset", v.preset, "--conflicts", "keep"}
			got, out := i.run(t, 0, file, flags...)
			require.Equal(t, imported{sent: 3, accepted: 1, duplicates: 2}, got, "%s: %s", v.preset, out)
			by := i.withKey(key)
			got, out = by.run(t, 0, file, append(flags, "--project", strconv.FormatInt(c.Project, 10))...)
			require.Equal(t, imported{sent: 3, duplicates: 3}, got, "%s with a key: %s", v.preset, out)
			if n == 0 { // its content differs, since routes of SDKs remember what was sent
				got, _ = i.run(t, 3, file, "--preset", v.preset)
				require.Equal(t, imported{sent: 3, duplicates: 1, rejected: 2}, got)
				_, out = by.run(t, 1, file, append(flags, "--project", strconv.FormatInt(c.Project+1, 10))...)
				require.Contains(t, out, "404")
			}
		}
	})
}
