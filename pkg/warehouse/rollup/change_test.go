package rollup

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// follow makes a view of files from one, which may be nil, of those that were known.
func follow(t *testing.T, view *View, known, files []*File) *View {
	t.Helper()
	if view == nil {
		view, err := NewView(files)
		require.NoError(t, err)
		return view
	}
	view, err := view.Change(without(known, files), without(files, known))
	require.NoError(t, err)
	return view
}

func without(files, others []*File) []*File {
	return slices.DeleteFunc(slices.Clone(files), func(f *File) bool { return slices.Contains(others, f) })
}

// A view that was changed is the one that is made of all its files, and knows as much of
// the days that none of them touched.
func TestChangedViews(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 1))
	make := func() *File {
		var all facts
		first, days := random.IntN(30), 1+random.IntN(4)
		for range 1 + random.IntN(20) {
			at := time.Duration(first+random.IntN(days)) * 24 * time.Hour
			all = append(all, fact{us: at.Microseconds(), eventType: string(rune('a' + random.IntN(3))), user: uint32(random.IntN(100))})
		}
		return read(t, build(t, all))
	}
	files := []*File{make()}
	view, err := NewView(files)
	require.NoError(t, err)
	kept := 0
	for range 300 {
		var left, came []*File
		files = slices.DeleteFunc(files, func(f *File) bool {
			if random.IntN(4) > 0 {
				return false
			}
			left = append(left, f)
			return true
		})
		for range random.IntN(4) {
			came = append(came, make())
		}
		if files = append(files, came...); len(files) == 0 {
			came = []*File{make()}
			files = came
		}
		whole, err := NewView(files)
		require.NoError(t, err)
		changed, err := view.Change(left, came)
		require.NoError(t, err)
		require.Equal(t, whole.users, changed.users)
		require.Len(t, changed.days, len(whole.days))
		for i, d := range whole.days {
			require.Equal(t, d.day, changed.days[i].day)
			require.True(t, slices.Equal(d.refs, changed.days[i].refs))
			same := func(before *day) bool { return before.day == d.day && slices.Equal(before.refs, d.refs) }
			if n := slices.IndexFunc(view.days, same); n >= 0 {
				require.Same(t, view.days[n], changed.days[i])
				kept++
			}
		}
		view = changed
	}
	require.Greater(t, kept, 1000)
	other := *files[0]
	other.Project++
	_, err = view.Change(nil, []*File{&other})
	require.ErrorContains(t, err, "projects")
}
