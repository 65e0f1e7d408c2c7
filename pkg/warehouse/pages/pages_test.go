package pages

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
	"github.com/stretchr/testify/require"
)

// row is an event as other readers have it: all columns may lack values.
type row struct {
	Project    *int64   `parquet:"project_id,optional"`
	ID         [16]byte `parquet:"event_id,uuid"`
	Us         *int64   `parquet:"occurred_at,optional"`
	User       *string  `parquet:"user_id,optional"`
	Key        *int32   `parquet:"user_key,optional"`
	Type       *string  `parquet:"event_type,optional"`
	Properties *string  `parquet:"properties,optional"`
	Price      *float64 `parquet:"decimal:price,optional"`
}

// random makes events, some of which have long properties, and some none.
func random(r *rand.Rand, n int) (events []Event, rows []row) {
	for i := range n {
		e := Event{Us: r.Int64N(1 << 50), UserID: fmt.Sprint("u", r.IntN(n/3+1)), Type: fmt.Sprint("type", r.IntN(5))}
		for at := range e.ID {
			e.ID[at] = byte(r.IntN(256))
		}
		if i%97 == 1 { // ids that share bytes with others, where they begin elsewhere
			copy(e.ID[:8], events[i-1].ID[8:])
		}
		switch r.IntN(10) {
		case 0:
		case 1:
			e.Properties = `{"text":"` + strings.Repeat("a", r.IntN(5000)) + `"}`
		default:
			e.Properties = fmt.Sprintf(`{"n":%d,"of":"%x"}`, i, r.Uint64())
		}
		project, key := int64(7), int32(i)
		one := row{Project: &project, ID: e.ID, Us: &e.Us, User: &e.UserID, Key: &key, Type: &e.Type}
		if e.Properties != "" {
			one.Properties = &e.Properties
			price := r.Float64()
			one.Price = &price
		}
		events, rows = append(events, e), append(rows, one)
	}
	return events, rows
}

// write writes rows in row groups of so many.
func write(t testing.TB, rows []row, group int) string {
	path := filepath.Join(t.TempDir(), "events.parquet")
	require.NoError(t, Write(t.Context(), path, func(yield func([]Column) bool) {
		for part := range slices.Chunk(rows, group) {
			if !yield(columnsOf(part)) {
				return
			}
		}
	}, nil))
	return path
}

func columnsOf(rows []row) []Column {
	n := len(rows)
	var projects, times []int64
	var ids []uuid.UUID
	var users, types []string
	var keys []int32
	texts, prices, none := make([]string, n), make([]float64, n), make([]bool, n)
	for i, r := range rows {
		projects, times, ids, users = append(projects, *r.Project), append(times, *r.Us), append(ids, r.ID), append(users, *r.User)
		keys, types = append(keys, *r.Key), append(types, *r.Type)
		if none[i] = r.Properties == nil; !none[i] {
			texts[i], prices[i] = *r.Properties, *r.Price
		}
	}
	return []Column{
		Integers("project_id", projects, nil), IDs("event_id", ids), Times("occurred_at", times), Texts("user_id", users, nil),
		Keys("user_key", keys), Texts("event_type", types, nil), Texts("properties", texts, none), Numbers("decimal:price", prices, none),
	}
}

// opened opens a file.
func opened(t testing.TB, path string) (*File, *os.File) {
	r, err := os.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	info, err := r.Stat()
	require.NoError(t, err)
	f, err := Read(r, info.Size())
	require.NoError(t, err)
	return f, r
}

// TestWrite: a file has the rows that were written, for other readers and for a File, which
// finds each event by its id and none by another.
func TestWrite(t *testing.T) {
	t.Parallel()
	for seed, size := range []int{1, 2, 300, 9_000, 40_000} {
		r := rand.New(rand.NewPCG(uint64(seed), 1))
		events, rows := random(r, size)
		path := write(t, rows, max(size/3, 1))

		all, err := parquet.ReadFile[row](path)
		require.NoError(t, err)
		require.Len(t, all, len(rows))
		for i := range rows {
			require.True(t, reflect.DeepEqual(rows[i], all[i]), "row %d", i)
		}

		f, file := opened(t, path)
		require.Equal(t, size, f.Rows())
		require.Equal(t, int64(7), f.Project())
		if size == 40_000 {
			require.Greater(t, len(f.groups[0].columns[properties].places), 20, "properties are not in small pages")
		}
		require.NoError(t, f.Events(t.Context(), file, numbers(size), All, func(row uint32, e Event) error {
			require.True(t, events[row] == e, "row %d: %v", row, e)
			return nil
		}))
		some := []uint32{}
		for range 50 {
			some = append(some, r.Uint32N(uint32(size)))
		}
		read := []uint32{}
		require.NoError(t, f.Events(t.Context(), file, some, Unordered, func(row uint32, e Event) error {
			require.Equal(t, Event{ID: events[row].ID, Properties: events[row].Properties}, e)
			read = append(read, row)
			return nil
		}))
		require.Equal(t, some, read)
		for i, e := range events[:min(size, 1000)] {
			row, found, err := f.Find(t.Context(), file, e.ID)
			require.NoError(t, err)
			require.True(t, found && i == int(row), "row %d", i)
			_, found, err = f.Find(t.Context(), file, uuid.New())
			require.NoError(t, err)
			require.False(t, found)
		}
	}
}

// TestFilterMayBeWrong: a filter that says "perhaps" of all ids costs time, not the answer.
func TestFilterMayBeWrong(t *testing.T) {
	t.Parallel()
	events, rows := random(rand.New(rand.NewPCG(3, 1)), 9_000)
	path := write(t, rows, 2_000)
	f, _ := opened(t, path)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, g := range f.groups {
		for i := range g.filter.length {
			data[g.filter.offset+i] = 0xff
		}
	}
	for i, e := range events[:500] {
		row, found, err := f.Find(t.Context(), bytes.NewReader(data), e.ID)
		require.NoError(t, err)
		require.True(t, found)
		require.Equal(t, i, int(row))
		_, found, err = f.Find(t.Context(), bytes.NewReader(data), uuid.New())
		require.NoError(t, err)
		require.False(t, found)
	}
}

// TestFilterIsSharp: few row groups are searched for an id that they do not have.
func TestFilterIsSharp(t *testing.T) {
	t.Parallel()
	_, rows := random(rand.New(rand.NewPCG(4, 1)), 20_000)
	f, file := opened(t, write(t, rows, 20_000))
	wrong := 0
	for range 20_000 {
		id := uuid.New()
		may, err := f.groups[0].filter.may(file, hashOf(id[:]))
		require.NoError(t, err)
		if may {
			wrong++
		}
	}
	require.Less(t, wrong, 200, "of 20,000")
	require.LessOrEqual(t, f.groups[0].filter.length, int64(20_000*filterBits/8+32))
}

// TestEarlierVersions: in files that DuckDB wrote at first, places in dictionaries have another
// name.
func TestEarlierVersions(t *testing.T) {
	t.Parallel()
	events, rows := random(rand.New(rand.NewPCG(8, 1)), 3_000)
	path := write(t, rows, 1_000)
	f, _ := opened(t, path)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	renamed := 0
	for _, g := range f.groups {
		for _, c := range g.columns {
			for _, at := range c.places {
				page := data[at.offset : at.offset+int64(at.length)]
				header, body, _, err := readPage(page)
				require.NoError(t, err)
				if header.DataPageHeader.V.Encoding != format.RLEDictionary {
					continue
				}
				header.DataPageHeader.V.Encoding = dictionaryCodes
				again, err := thrift.Marshal(&protocol, &header)
				require.NoError(t, err)
				require.Len(t, again, len(page)-len(body))
				copy(page, again)
				renamed++
			}
		}
	}
	require.NotZero(t, renamed)
	require.NoError(t, f.Events(t.Context(), bytes.NewReader(data), numbers(f.Rows()), All, func(row uint32, e Event) error {
		require.True(t, events[row] == e, "row %d: %v", row, e)
		return nil
	}))
}

// TestWhole: a file without small pages is told apart.
func TestWhole(t *testing.T) {
	t.Parallel()
	_, rows := random(rand.New(rand.NewPCG(5, 1)), 100)
	path := filepath.Join(t.TempDir(), "old.parquet")
	f, err := os.Create(path)
	require.NoError(t, err)
	w := parquet.NewGenericWriter[row](f, parquet.Compression(&parquet.Zstd))
	_, err = w.Write(rows)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.NoError(t, f.Close())
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	_, err = Read(bytes.NewReader(whole), int64(len(whole)))
	require.ErrorIs(t, err, ErrWhole)
}

// TestHangUp: reading ends with its context.
func TestHangUp(t *testing.T) {
	t.Parallel()
	events, rows := random(rand.New(rand.NewPCG(6, 1)), 100)
	f, file := opened(t, write(t, rows, 100))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, f.Events(ctx, file, []uint32{1}, All, func(uint32, Event) error { return nil }), context.Canceled)
	for _, id := range []uuid.UUID{events[0].ID, uuid.New()} {
		_, _, err := f.Find(ctx, file, id)
		require.ErrorIs(t, err, context.Canceled)
	}
}

// FuzzOpen: whatever a file has, nothing panics, and what can be read ends.
func FuzzOpen(f *testing.F) {
	events, rows := random(rand.New(rand.NewPCG(7, 1)), 60)
	path := write(f, rows, 40)
	data, err := os.ReadFile(path)
	require.NoError(f, err)
	f.Add(data, 0, byte(0))
	f.Add(data, len(data)-20, byte(3))
	f.Fuzz(func(t *testing.T, data []byte, at int, flip byte) {
		data = slices.Clone(data)
		if len(data) > 0 {
			data[(at%len(data)+len(data))%len(data)] ^= flip
		}
		r := bytes.NewReader(data)
		file, err := Read(r, int64(len(data)))
		if err != nil {
			return
		}
		n := min(file.Rows(), 100)
		_ = file.Events(t.Context(), r, numbers(n), All, func(uint32, Event) error { return nil })
		_, _, _ = file.Find(t.Context(), r, events[0].ID)
	})
}

func numbers(n int) (all []uint32) {
	for i := range n {
		all = append(all, uint32(i))
	}
	return all
}
