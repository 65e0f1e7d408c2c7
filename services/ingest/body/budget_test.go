package body

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

func TestBodyTakesFromTheBudget(t *testing.T) {
	t.Parallel()
	const size = 3 << 20
	text := bytes.Repeat([]byte("0a9s8d7f"), size/8)
	for encoding, wire := range map[string][]byte{"": text, "gzip": gzipped(t, text), "zstd": zstded(t, text)} {
		budget := NewBudget(16<<20, prometheus.NewRegistry())
		b, err := Open(bytes.NewReader(wire), int64(len(wire)), []string{encoding}, Limits{MaxBytes: size, MaxRatio: 1e6}, budget, Holder{Project: 1})
		require.NoError(t, err, encoding)
		_, err = io.Copy(io.Discard, b)
		require.NoError(t, err, encoding)
		require.GreaterOrEqual(t, budget.used, int64(size), encoding)
		require.LessOrEqual(t, budget.used, int64(3*size), encoding)
		b.Close()
		require.Zero(t, budget.used, encoding)
	}
}

func TestBodyFindsNoRoom(t *testing.T) {
	t.Parallel()
	budget := NewBudget(4<<20, prometheus.NewRegistry())
	limits := Limits{MaxBytes: 4 << 20, MaxRatio: 1e6}
	open := func(wire []byte, encoding string) (*Body, error) {
		b, err := Open(bytes.NewReader(wire), int64(len(wire)), []string{encoding}, limits, budget, Holder{Project: 1})
		if err == nil {
			_, err = io.Copy(io.Discard, b)
		}
		return b, err
	}
	const taken = 7 << 19 // all but an eighth
	budget.used += taken - 2*baseCost
	second, err := open(make([]byte, 1<<20), "")
	require.ErrorIs(t, err, ErrOverloaded)
	n, err := second.Read(make([]byte, 100))
	require.Zero(t, n, "a reader that passed over the error gets nothing more")
	require.ErrorIs(t, err, ErrOverloaded)
	second.Close()
	budget.used += 2 * baseCost
	// A zstd stream of a few bytes that asks for a window of 8 MiB.
	var small bytes.Buffer
	z, err := zstd.NewWriter(&small, zstd.WithWindowSize(8<<20))
	require.NoError(t, err)
	_, err = z.Write([]byte("[]"))
	require.NoError(t, err)
	require.NoError(t, z.Flush())
	require.NoError(t, z.Close())
	_, err = open(small.Bytes(), "zstd")
	require.Error(t, err)
	third, err := open([]byte("{}"), "")
	require.NoError(t, err, "an eighth is kept for small bodies")
	third.Close()
	for length, room := range map[int64]bool{2: true, -1: false, 3 << 20: false} {
		b, err := Open(strings.NewReader("{}"), length, nil, limits, budget, Holder{Project: 1})
		require.Equal(t, room, err == nil, "a body of %d bytes: a large one is bulk from its first byte", length)
		if room {
			b.Close()
		}
	}
	require.EqualValues(t, taken, budget.used)
}

// However much of the budget a caller holds, and for however long, the next one has
// three quarters of what it left.
func TestACallerLeavesRoomForTheNext(t *testing.T) {
	t.Parallel()
	const max, upload = 64 << 20, 1 << 20
	budget := NewBudget(max, prometheus.NewRegistry())
	fill := func(project int64, refusal error) (held []*Body) {
		for {
			b, err := Open(bytes.NewReader(make([]byte, upload)), upload, nil, Limits{MaxBytes: upload, MaxRatio: 1}, budget, Holder{Project: project})
			if err == nil {
				_, err = io.Copy(io.Discard, b)
			}
			if err != nil {
				require.ErrorIs(t, err, refusal)
				if b != nil {
					b.Close()
				}
				return held
			}
			held = append(held, b)
		}
	}
	first := fill(1, ErrOwnShare)
	require.Greater(t, len(first), 30, "alone, a caller has most of it")
	second := fill(2, ErrOverloaded) // most of it is the first one's
	require.Greater(t, len(second), 7)
	third := fill(3, ErrOverloaded)
	require.NotEmpty(t, third)
	small, err := Open(strings.NewReader("{}"), 2, nil, limits, budget, Holder{Project: 4})
	require.NoError(t, err)
	_, err = io.ReadAll(small)
	require.NoError(t, err)
	for _, b := range append(slices.Concat(first, second, third), small) {
		b.Close()
	}
	require.Zero(t, budget.used)
	require.Empty(t, budget.holders)
	require.Len(t, fill(2, ErrOwnShare), len(first), "what is given back is there for all")
}

// A body that was read before its project was known counts for that from then on, if there
// is room, and no longer for the network that it came from.
func TestABodyMoves(t *testing.T) {
	t.Parallel()
	const max, upload = 64 << 20, 1 << 20
	budget := NewBudget(max, prometheus.NewRegistry())
	network, project := Holder{Network: "192.0.2.1"}, Holder{Project: 1}
	open := func(holder Holder) *Body {
		b, err := Open(bytes.NewReader(make([]byte, upload)), upload, nil, Limits{MaxBytes: upload, MaxRatio: 1}, budget, holder)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, b)
		require.NoError(t, err)
		return b
	}
	var all []*Body
	for {
		b := open(network)
		all = append(all, b)
		held := budget.used
		if err := b.Move(project); err != nil {
			require.ErrorIs(t, err, ErrOwnShare)
			require.EqualValues(t, b.paid+b.extra, budget.holders[network], "it stays where it was")
			break
		}
		require.NoError(t, b.Move(project), "it is there")
		require.Equal(t, map[Holder]int64{project: held}, budget.holders)
		require.Equal(t, held, budget.used)
	}
	require.Greater(t, len(all), 30, "alone, a project has most of it")
	require.NoError(t, open(network).Move(Holder{Project: 2}), "the next has room")
	for _, b := range all {
		b.Close()
	}
	require.Len(t, budget.holders, 1)
}

// A body costs something before it is read, and many short events cost more than
// the body is long.
func TestWhatABodyCosts(t *testing.T) {
	t.Parallel()
	budget := NewBudget(8<<20, prometheus.NewRegistry())
	b, err := Open(strings.NewReader(strings.Repeat("x", 1000)), 1000, nil, limits, budget, Holder{Project: 1})
	require.NoError(t, err)
	require.EqualValues(t, baseCost, budget.used)
	_, err = io.ReadFull(b, make([]byte, 1000))
	require.NoError(t, err)
	require.EqualValues(t, baseCost+1000, budget.used)
	require.NoError(t, b.Holds(5, 0))
	require.EqualValues(t, baseCost+1000, budget.used)
	require.NoError(t, b.Holds(8, 0))
	require.EqualValues(t, baseCost+8*eventCost, budget.used)
	require.NoError(t, b.Holds(8, 2000), "counts what came since the last time")
	require.NoError(t, b.Holds(9, 2000))
	require.EqualValues(t, baseCost+2000, budget.used)
	require.ErrorIs(t, b.Holds(100_000, 0), ErrOwnShare)
	b.Close()
	require.Zero(t, budget.used)
}

// What the events of a body are made into takes none of the room for small bodies once it is
// long, however little comes at a time.
func TestWhatGrowsIsBulk(t *testing.T) {
	t.Parallel()
	budget := NewBudget(8<<20, prometheus.NewRegistry())
	b, err := Open(strings.NewReader("{}"), 2, nil, limits, budget, Holder{Project: 1})
	require.NoError(t, err)
	defer b.Close()
	budget.used = 7<<20 - 2*smallBody
	for held := int64(0); err == nil && held < 1<<20; held += 1 << 10 {
		err = b.Holds(1, held)
	}
	require.Error(t, err)
	require.Less(t, budget.used, int64(7<<20))
}

// What is read at once costs as much as in pieces.
func TestALargeReadCosts(t *testing.T) {
	t.Parallel()
	const size = 3 << 20
	budget := NewBudget(16<<20, prometheus.NewRegistry())
	b, err := Open(bytes.NewReader(make([]byte, size)), size, nil, limits, budget, Holder{Project: 1})
	require.NoError(t, err)
	n, err := b.Read(make([]byte, size))
	require.NoError(t, err)
	require.Equal(t, size, n)
	require.GreaterOrEqual(t, budget.used, int64(size))
	b.Close()
	require.Zero(t, budget.used)
}

// The least budget is enough for one whole body of a caller that is alone.
func TestLeastBudget(t *testing.T) {
	t.Parallel()
	for _, length := range []int64{1 << 10, 1 << 20, 64 << 20} {
		for budget, fits := range map[int64]bool{LeastBudget(length): true, LeastBudget(length) * 9 / 10: false} {
			b, err := Open(bytes.NewReader(make([]byte, length)), -1, nil, Limits{MaxBytes: length, MaxRatio: 1}, NewBudget(budget, prometheus.NewRegistry()), Holder{Project: 1})
			if err == nil {
				_, err = io.Copy(io.Discard, b)
			}
			if fits {
				require.NoError(t, err, length)
			} else if length > maxStep {
				require.ErrorIs(t, err, ErrOwnShare, length)
			}
		}
	}
}
