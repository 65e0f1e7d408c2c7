package progress

import (
	"bufio"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"
)

func TestLine(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]step{
		"verifying: 1.0 GB of 4.0 GB (25%), 100 MB/s, 30s left":               {"verifying", Bytes, 0, 1e9, 4e9, ""},
		"migrating: 2 of 5 (40%) migrations, 00003_x.sql, 0/s, 15s left":      {"migrating", "migrations", 0, 2, 5, "00003_x.sql"},
		"exporting: 2.0 GB, 200 MB/s":                                         {"exporting", Bytes, 0, 2e9, 0, ""},
		"importing: 3.0 GB of 4.0 GB (75%), 70000 events, 100 MB/s, 10s left": {"importing", Bytes, 2e9, 3e9, 4e9, "70000 events"},
		"verifying: 0 of 7 (0%) segments, 0/s":                                {"verifying", "segments", 0, 0, 7, ""},
	} {
		require.Equal(t, want, s.line(10*time.Second))
	}
}

// Without a terminal there is a line at each interval, also while nothing happens.
func TestLinesInALog(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	p := newEvery(w, 20*time.Millisecond)
	p.Step("verifying", "segments", 4)
	p.Add(1)
	p.Note("damaged: %s", "a")
	lines := bufio.NewReader(r)
	var seen []string
	for len(seen) < 4 || !strings.HasPrefix(seen[len(seen)-1], "verifying: 1 of 4 (25%) segments") {
		line, err := lines.ReadString('\n')
		require.NoError(t, err)
		seen = append(seen, strings.TrimSuffix(line, "\n"))
	}
	p.Close()
	p.Close() // before a summary, and deferred
	require.NoError(t, w.Close())
	require.Contains(t, seen, "damaged: a")
	require.NotContains(t, strings.Join(seen, ""), "\r")
}

// On a terminal there is a bar with the rate and the time left, which is gone in the
// end.
func TestBarOnATerminal(t *testing.T) {
	t.Parallel()
	person, terminal, err := pty.Open()
	require.NoError(t, err)
	defer person.Close()
	defer terminal.Close()
	require.NoError(t, pty.Setsize(terminal, &pty.Winsize{Rows: 25, Cols: 120}))
	p := newEvery(terminal, 20*time.Millisecond)
	p.Step("verifying", Bytes, 4e9)
	p.At(1e9, "")
	var shown strings.Builder
	read := func(until string) {
		for pattern, b := regexp.MustCompile(until), make([]byte, 1024); !pattern.MatchString(shown.String()); {
			n, err := person.Read(b)
			require.NoError(t, err)
			shown.Write(b[:n])
		}
	}
	read(`verifying +25% \|█+ +\| \(1\.0/4\.0 GB, [\d.]+ [MG]B/s\) \[\d+s:\d+s\]`)
	p.Step("rebuilding", "segments", 4)
	p.At(3, "")
	read(`rebuilding +75% \|█+ +\| \(3/4, [\d.]+ segments/`)
	p.Close()
	_, err = terminal.WriteString("end\n")
	require.NoError(t, err)
	read(`\r +\rend\r\n$`) // the bar is removed
}

func TestNobodyLooks(t *testing.T) {
	t.Parallel()
	p := From(t.Context())
	require.Nil(t, p)
	p.Step("verifying", Bytes, 1)
	p.Add(1)
	p.At(1, "")
	p.Note("nothing")
	p.Close()
}
