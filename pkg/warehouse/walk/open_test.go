package walk_test

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/warehouse/walk"
)

// write writes the file of events to disk.
func write(t testing.TB, events []walk.Source) (path string, size int64) {
	t.Helper()
	data, err := walk.Encode(1, events)
	require.NoError(t, err)
	path = filepath.Join(t.TempDir(), "users")
	require.NoError(t, os.WriteFile(path, data, 0o600))
	return path, int64(len(data))
}

func TestOpen(t *testing.T) {
	t.Parallel()
	events := randomSegments(rand.New(rand.NewPCG(1, 3)))[0]
	path, size := write(t, events)
	f, err := walk.Open(path, size)
	require.NoError(t, err)
	require.EqualValues(t, 1, f.Project())
	require.Equal(t, len(events), f.Events())
	want := naive([][]walk.Source{events}, func(walk.Source) bool { return true })
	require.Equal(t, want, walked(t, walk.NewView([]*walk.File{f}), walk.AllTime))

	_, err = walk.Open(path, size+1)
	require.ErrorIs(t, err, walk.ErrFormat)
	_, err = walk.Open(filepath.Join(t.TempDir(), "none"), size)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(path, []byte("EAROLL02"), 0o600))
	_, err = walk.Open(path, 8)
	require.ErrorIs(t, err, walk.ErrFormat)
}

func TestAFileIsMappedWhileItIsUsed(t *testing.T) {
	t.Parallel()
	path, size := write(t, []walk.Source{{User: 1, Type: "a", ID: uuid.New(), Properties: `{"a":1}`}})
	isMapped := func() bool {
		maps, err := os.ReadFile("/proc/self/maps")
		require.NoError(t, err)
		return strings.Contains(string(maps), path)
	}
	f, err := walk.Open(path, size)
	require.NoError(t, err)
	c, known := f.Column("a")
	require.True(t, known)
	f = nil
	runtime.GC()
	require.True(t, isMapped())
	require.Equal(t, "1", c.Value(1).JSON(), "%v", f)
	c = walk.Column{}
	require.Eventually(t, func() bool {
		runtime.GC()
		return !isMapped()
	}, 10*time.Second, time.Millisecond, "%v", c)
}

// Someone who cuts a file that is mapped makes its reads fail with a signal.
func TestAFileIsCutShortDuringAWalk(t *testing.T) {
	t.Parallel()
	var events []walk.Source
	for i := range 100_000 {
		events = append(events, walk.Source{User: uint32(i), Us: int64(i), Type: "a", ID: uuid.UUID{byte(i), byte(i >> 8), byte(i >> 16)}, Properties: `{"a":1}`})
	}
	path, size := write(t, events)
	f, err := walk.Open(path, size)
	require.NoError(t, err)
	c, known := f.Column("a")
	require.True(t, known)
	cut := sync.OnceValue(func() error { return os.Truncate(path, 100) })
	err = walk.NewView([]*walk.File{f}).Walk(t.Context(), walk.AllTime, func() walk.Visitor {
		return func(u *walk.User) error { return cut() }
	})
	require.ErrorIs(t, err, walk.ErrFormat)
	require.ErrorIs(t, walk.Guard(func() error {
		c.Value(1)
		return nil
	}), walk.ErrFormat)
}

// usersOf begins a look at whose events are.
func usersOf() walk.LatestVisitor {
	return func(_ *walk.Event, user func() uint32) (int64, error) {
		user()
		return math.MinInt64, nil
	}
}

// TestBytesChange: whatever becomes of two bytes of a file that is open, walks end. An index that
// is out of range then is an error.
func TestBytesChange(t *testing.T) {
	t.Parallel()
	var events []walk.Source
	for i := range 60 {
		events = append(events, walk.Source{User: uint32(i / 7), Us: int64(i), Type: "a", ID: uuid.UUID{byte(i)}, Properties: `{"a":1}`})
	}
	data, err := walk.Encode(1, events)
	require.NoError(t, err)
	f, err := walk.Read(data)
	require.NoError(t, err)
	f.Changed = func() bool { return true }
	v := walk.NewView([]*walk.File{f})
	nothing := func() walk.Visitor { return func(*walk.User) error { return nil } }
	damaged := 0
	for i := range len(data) - 1 {
		one, other := data[i], data[i+1]
		for _, to := range []byte{0x00, 0x7f, 0x80, 0xff} {
			data[i], data[i+1] = to, to
			err := v.Walk(t.Context(), walk.AllTime, nothing)
			if err == nil {
				err = v.Ends(t.Context(), walk.AllTime, false, func(*walk.Event) bool { return true }, func(uint32, *walk.Event) {})
			}
			if err == nil {
				err = v.Latest(t.Context(), walk.AllTime, allFiles, usersOf)
			}
			if err != nil {
				require.ErrorIs(t, err, walk.ErrFormat)
				damaged++
			}
		}
		data[i], data[i+1] = one, other
	}
	require.Greater(t, damaged, 20)
}

func TestGuardLetsOtherPanicsPass(t *testing.T) {
	t.Parallel()
	var none *walk.User
	for _, f := range []func() error{
		func() error { panic("mine") },
		func() error { none.Key = 1; return nil },
		func() error { _ = walk.User{}.Events[len(os.Args)]; return nil },
	} {
		require.Panics(t, func() { _ = walk.Guard(f) })
		require.Panics(t, func() { _ = walk.NewView(nil).Guard(f) }, "no file was written to")
	}
	require.NoError(t, walk.Guard(func() error { return nil }))
}

// FuzzOpen reads any bytes: nothing that is done with the File then may panic.
func FuzzOpen(f *testing.F) {
	for seed := range uint64(4) {
		events := randomSegments(rand.New(rand.NewPCG(seed, 4)))[0]
		data, err := walk.Encode(1, events[:min(len(events), 40)])
		require.NoError(f, err)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := walk.Read(data)
		if err != nil {
			require.ErrorIs(t, err, walk.ErrFormat)
			return
		}
		file.IDs = func(rows []uint32) ([]uuid.UUID, error) { return make([]uuid.UUID, len(rows)), nil }
		v := walk.NewView([]*walk.File{file, file})
		c, _ := file.Column("country")
		for code := range uint32(c.Len()) {
			c.Value(code).Text()
		}
		var seen atomic.Int64
		err = v.Walk(t.Context(), walk.AllTime, func() walk.Visitor {
			return func(u *walk.User) error {
				for _, e := range u.Events {
					_ = v.Types()[e.Type]
					require.Less(t, int(file.Row(e.At)), file.Events())
					require.Less(t, int(c.Code(e.At)), c.Len())
				}
				seen.Add(int64(len(u.Events)))
				return nil
			}
		})
		require.NoError(t, err)
		require.EqualValues(t, 2*file.Events(), seen.Load())
		require.NoError(t, v.Walk(t.Context(), walk.Period{From: 100, To: 5_000_000}, func() walk.Visitor {
			return func(*walk.User) error { return nil }
		}))
		require.NoError(t, v.Latest(t.Context(), walk.AllTime, allFiles, usersOf))
	})
}
