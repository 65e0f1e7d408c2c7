package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func bytesOf(v any) io.Reader {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return bytes.NewReader(text)
}

// TestSecondWall: DuckDB itself opens no file but the project's, and none of its settings can
// be changed, whatever is run.
func TestSecondWall(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var statements []string
	for _, a := range corpus(t, w.words()...) {
		// Others end or stop the process of the test, or write to its output, which is all that
		// they can do.
		ends := slices.ContainsFunc([]string{"RECURSIVE", "sleep", "dbgen", "dsdgen", "repeat_row", "profiling"}, func(s string) bool { return strings.Contains(a.text, s) })
		if len(a.text) < 2000 && !ends {
			statements = append(statements, a.text)
		}
	}
	// What the first wall would never let through, to undo the second.
	statements = append([]string{
		"SET enable_external_access = true", "SET GLOBAL enable_external_access = true", "RESET enable_external_access",
		"SET allowed_paths = ['" + w.other + "']", "SET allowed_directories = ['/']", "RESET allowed_paths", "SET lock_configuration = false",
		"SET memory_limit = '100GB'", "SET temp_directory = '/tmp'", "SET autoinstall_known_extensions = true", "SET TimeZone = 'Asia/Tokyo'",
	}, statements...)
	all := try(t, "without-the-first-wall", []string{w.own}, statements)
	require.Len(t, all, len(statements))
	changed := 0
	for i, s := range all {
		if !strings.Contains(s.Tried, mark) {
			require.NotContains(t, s.Answer+s.Err, mark, s.Tried)
		}
		require.NotContains(t, s.Answer+s.Err, "root:", s.Tried)
		if i < 11 {
			require.Contains(t, s.Err, "locked", s.Tried)
			changed++
		}
	}
	require.Equal(t, 11, changed)
	// The test sees what it would find: without the walls around files the same statements read.
	require.Contains(t, fmt.Sprint(try(t, "without-the-first-wall", []string{w.own, w.other}, []string{"SELECT user_id FROM '" + w.other + "'"})), mark)
	_, err := os.Stat("/tmp/x.csv")
	require.ErrorIs(t, err, os.ErrNotExist)
}

// closedFiles opens files as the thread of a statement.
func closedFiles() {
	files, things := read()
	if err := confine(limits{Memory: 256 << 20, CPU: 60}); err != nil {
		panic(err)
	}
	if err := closeFiles(files); err != nil {
		panic(err)
	}
	for _, path := range things {
		s := said{Tried: path}
		var err error
		switch {
		case strings.HasPrefix(path, "tcp "):
			fd, _ := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
			var port int
			_, _ = fmt.Sscanf(path, "tcp %d", &port)
			err = unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}})
		case strings.HasPrefix(path, "inherited "):
			var fd int
			_, _ = fmt.Sscanf(path, "inherited %d", &fd)
			_, err = unix.Read(fd, make([]byte, 64))
		case strings.HasPrefix(path, "write "):
			_, err = unix.Open(strings.TrimPrefix(path, "write "), unix.O_CREAT|unix.O_WRONLY, 0o600)
		default:
			var fd int
			if fd, err = unix.Open(path, unix.O_RDONLY, 0); err == nil {
				text := make([]byte, 64)
				n, _ := unix.Read(fd, text)
				s.Answer = fmt.Sprint(n)
			}
		}
		if err != nil {
			s.Err = err.Error()
		}
		tell(s)
	}
}

// TestThirdWall: the kernel opens no other file for the thread, whoever asks.
func TestThirdWall(t *testing.T) {
	t.Parallel()
	if _, _, failed := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION); failed != 0 {
		t.Skip("this kernel has no Landlock")
	}
	w := newWorld(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	connect := fmt.Sprintf("tcp %d", listener.Addr().(*net.TCPAddr).Port)
	tried := []string{w.own, w.other, "/etc/passwd", "/proc/self/environ", w.dir, "/", "write " + w.dir + "/x", connect}
	all := try(t, "closed-files", []string{w.own}, tried)
	require.Len(t, all, len(tried))
	require.Equal(t, said{w.own, "64", ""}, all[0])
	for _, s := range all[1:] {
		require.Equal(t, "permission denied", s.Err, s.Tried)
	}
	without := try(t, "closed-files", slices.Clone(tried[:2]), tried[:2])
	require.Empty(t, without[1].Err, "the test would see it")
}

// TestNothingIsInherited: the process has no file that the service has open, as DuckDB opens
// those that it reads: without O_CLOEXEC.
func TestNothingIsInherited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	fd, err := unix.Open(w.other, unix.O_RDONLY, 0)
	require.NoError(t, err)
	defer unix.Close(fd)
	all := try(t, "closed-files", []string{w.own}, []string{fmt.Sprintf("inherited %d", fd), w.own})
	require.Equal(t, "bad file descriptor", all[0].Err)
	require.Equal(t, said{w.own, "64", ""}, all[1])
}
