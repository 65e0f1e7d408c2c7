package durability

import (
	"bufio"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// call is a system call in a trace that strace -f -yy has written.
type call struct {
	name string
	path string   // behind its first argument, when that is a descriptor: of a file, or a socket's ends
	args string   // as strace prints them
	text []string // of args: quoted strings, with strace's escapes
	ok   bool     // what it returned is no error
}

// event is the begin or the end of a call. strace sees one event at a time: what
// ends in an earlier one than another begins in took place before it, whatever
// the threads.
type event struct {
	*call
	begins bool
}

var (
	linePattern = regexp.MustCompile(`^(\d+) +(.*)$`)
	callPattern = regexp.MustCompile(`^(\w+)\((.*)\) += (\S+)`)
	descriptor  = regexp.MustCompile(`^\d+<(.*?)>(?:\(deleted\))?(?:,|$)`)
	textPattern = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"`)
)

const unfinished = " <unfinished ...>"

var resumed = regexp.MustCompile(`^<\.\.\. \w+ resumed>`)

// parseTrace reads a trace. Calls that had not ended when their process did are
// left out.
func parseTrace(text string) []event {
	type begun struct {
		at   int // in events
		text string
	}
	var events []event
	open := map[string]begun{} // by thread
	lines := bufio.NewScanner(strings.NewReader(text))
	lines.Buffer(nil, len(text)+1)
	for lines.Scan() {
		match := linePattern.FindStringSubmatch(lines.Text())
		if match == nil {
			continue
		}
		thread, said := match[1], match[2]
		if first, ok := strings.CutSuffix(said, unfinished); ok {
			open[thread] = begun{len(events), first}
			events = append(events, event{&call{}, true}) // to be filled in
			continue
		}
		if mark := resumed.FindString(said); mark != "" {
			b, ok := open[thread]
			delete(open, thread)
			if c := parseCall(b.text + said[len(mark):]); ok && c != nil {
				*events[b.at].call = *c
				events = append(events, event{events[b.at].call, false})
			}
			continue
		}
		if c := parseCall(said); c != nil {
			events = append(events, event{c, true}, event{c, false})
		}
	}
	return events
}

// parseCall returns nil for what is no call, such as a signal.
func parseCall(said string) *call {
	match := callPattern.FindStringSubmatch(said)
	if match == nil {
		return nil
	}
	c := &call{name: match[1], args: match[2], ok: !strings.HasPrefix(match[3], "-")}
	if d := descriptor.FindStringSubmatch(c.args); d != nil {
		c.path = d[1]
	}
	for _, quoted := range textPattern.FindAllStringSubmatch(c.args, -1) {
		c.text = append(c.text, quoted[1])
	}
	return c
}

func readTrace(t *testing.T, path string) []event {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return parseTrace(string(text))
}

func TestParseTrace(t *testing.T) {
	t.Parallel()
	events := parseTrace(`7 write(9</w/tmp/a>, "x\"y\0", 4) = 4
8 fsync(9</w/tmp/a> <unfinished ...>
7 renameat(AT_FDCWD</w>, "/w/tmp/a", AT_FDCWD</w>, "/w/1/a") = -1 ENOENT (No such file or directory)
8 <... fsync resumed>)               = 0
7 read(4<UNIX-STREAM:[1->2]>,  <unfinished ...>
9 --- SIGURG {si_signo=SIGURG} ---
7 <... read resumed>"C\0\0\0\vCOMMIT\0", 4096) = 14
7 openat(AT_FDCWD</w>, "/w" <unfinished ...>
7 +++ exited with 0 +++
`)
	type seen struct {
		name, path string
		begins, ok bool
	}
	var got []seen
	for _, e := range events {
		got = append(got, seen{e.name, e.path, e.begins, e.ok})
	}
	require.Equal(t, []seen{
		{"write", "/w/tmp/a", true, true},
		{"write", "/w/tmp/a", false, true},
		{"fsync", "/w/tmp/a", true, true},
		{"renameat", "", true, false},
		{"renameat", "", false, false},
		{"fsync", "/w/tmp/a", false, true},
		{"read", "UNIX-STREAM:[1->2]", true, true},
		{"read", "UNIX-STREAM:[1->2]", false, true},
		{"", "", true, false}, // it never ended
	}, got)
	require.Equal(t, []string{`x\"y\0`}, events[0].text)
	require.Equal(t, []string{"/w/tmp/a", "/w/1/a"}, events[3].text)
	require.Equal(t, []string{`C\0\0\0\vCOMMIT\0`}, events[7].text)
}
