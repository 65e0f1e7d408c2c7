package measure

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestPreciseCPUIsThatOfTheProcess(t *testing.T) {
	start, err := OwnCPU()
	require.NoError(t, err)
	var threads sync.WaitGroup
	for range 2 { // the clock must not be that of one thread
		threads.Go(func() {
			runtime.LockOSThread()
			for {
				if now, err := OwnCPU(); err != nil || now-start > 20*ticks(1) {
					return
				}
			}
		})
	}
	threads.Wait()
	before, err := PreciseCPU(os.Getpid())
	require.NoError(t, err)
	used, err := OwnCPU()
	require.NoError(t, err)
	after, err := PreciseCPU(os.Getpid())
	require.NoError(t, err)
	require.Positive(t, before)
	require.Less(t, before, after)
	require.InDelta(t, used.Seconds(), after.Seconds(), 2*ticks(1).Seconds(), "rusage may lag by a tick on each core")
	_, err = PreciseCPU(1 << 21)
	require.ErrorIs(t, err, unix.EINVAL, "there is no such process")
}

func TestDropCache(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	name := filepath.Join(folder, "below", "file")
	require.NoError(t, os.Mkdir(filepath.Dir(name), 0o700))
	require.NoError(t, os.WriteFile(name, bytes.Repeat([]byte("x"), 8<<20), 0o600))
	before := resident(t, name)
	require.Positive(t, before)
	require.NoError(t, DropCache(folder))
	require.Less(t, resident(t, name), before/10)
	require.ErrorIs(t, DropCache(filepath.Join(folder, "none")), os.ErrNotExist)
}

// resident counts the pages of a file that are in the page cache.
func resident(t *testing.T, name string) (n int) {
	t.Helper()
	file, err := os.Open(name)
	require.NoError(t, err)
	defer file.Close()
	info, err := file.Stat()
	require.NoError(t, err)
	mapped, err := unix.Mmap(int(file.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	require.NoError(t, err)
	defer func() { require.NoError(t, unix.Munmap(mapped)) }()
	pages := make([]byte, len(mapped)/os.Getpagesize())
	// x/sys has no mincore with a vector on Linux.
	_, _, code := unix.Syscall(unix.SYS_MINCORE, pointer(mapped), uintptr(len(mapped)), pointer(pages))
	require.Zero(t, code)
	for _, page := range pages {
		n += int(page & 1)
	}
	return n
}

func pointer(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }
