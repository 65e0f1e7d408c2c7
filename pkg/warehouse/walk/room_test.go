package walk_test

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/warehouse/walk"
	"eventanalytics/pkg/warehouse/walk/walktest"
)

// crowd makes the files of users with so many events each, and many with one. All files
// have events of all times: each is merged into those before it.
func crowd(t *testing.T, users, files, each int) *walk.View {
	t.Helper()
	all := make([]*walk.File, files)
	for f := range all {
		var events []walk.Source
		for user := range users {
			for other := range 999 {
				events = append(events, walk.Source{User: uint32(user*1000 + 1 + other), Us: int64(f), Type: "a", ID: uuid.New()})
			}
			for i := range each / files {
				at := rand.Int64N(1e12)
				if i == 0 {
					at = 0 // a tie between files
				}
				events = append(events, walk.Source{User: uint32(user * 1000), Us: at, Type: "ab"[i%2 : i%2+1], ID: uuid.New()})
			}
		}
		all[f] = walktest.File(t, events...)
	}
	return walk.NewView(all)
}

// TestRoom: users with many events share room, whatever the number of goroutines: what
// they take is counted, and one that does not fit ends the walk.
func TestRoom(t *testing.T) {
	const users, each = 6, 70_000 // more than a buffer has space for
	v := crowd(t, users, 2, each)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(8))
	var grown, seen atomic.Int64
	visit := func() walk.Visitor {
		return func(u *walk.User) error {
			if u.Key%1000 > 0 {
				return nil
			}
			seen.Add(1)
			assert.Len(t, u.Events, each)
			assert.True(t, slices.IsSortedFunc(u.Events, func(a, b walk.Event) int {
				return cmp.Or(cmp.Compare(a.Us, b.Us), cmp.Compare(a.Type, b.Type))
			}))
			return nil
		}
	}
	grow := walk.Grow(func(bytes int) error { grown.Add(int64(bytes)); return nil })
	require.NoError(t, v.Walk(t.Context(), walk.AllTime, visit, walk.AtMost(4*each), grow))
	require.EqualValues(t, users, seen.Load())
	require.LessOrEqual(t, grown.Load(), int64(3*each*24+2*users*20), "two users at the same time, one whose ids are looked for, and the ids")
	require.GreaterOrEqual(t, grown.Load(), int64(each*24))

	grown.Store(0)
	require.NoError(t, v.Walk(t.Context(), walk.AllTime, visit, walk.AtMost(each), grow))
	require.EqualValues(t, each*24, grown.Load(), "one user at a time, now that the ids are known")

	require.ErrorIs(t, v.Walk(t.Context(), walk.AllTime, visit, walk.AtMost(each-1), grow), walk.ErrTooMany)
	full := errors.New("full")
	require.ErrorIs(t, v.Walk(t.Context(), walk.AllTime, visit, walk.Grow(func(int) error { return full })), full)

	ctx, cancel := context.WithCancel(t.Context())
	err := v.Walk(ctx, walk.AllTime, func() walk.Visitor { // the others wait for room
		return func(u *walk.User) error {
			if u.Key%1000 == 0 {
				cancel()
			}
			return nil
		}
	}, walk.AtMost(each))
	require.ErrorIs(t, err, context.Canceled)
}

// TestRoomIsGivenBack: a goroutine that ends with a user with many events leaves the room
// to the others.
func TestRoomIsGivenBack(t *testing.T) {
	const users, each = 4, 70_000
	var events []walk.Source
	for batch := range uint32(users) { // the last of each 256 users, where batches end
		for other := range uint32(255) {
			events = append(events, walk.Source{User: batch*256 + other, Type: "a", ID: uuid.New()})
		}
		for i := range each {
			events = append(events, walk.Source{User: batch*256 + 255, Us: int64(i), Type: "a", ID: uuid.New()})
		}
	}
	v := walk.NewView([]*walk.File{walktest.File(t, events...)})
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(users))
	ctx, end := context.WithTimeout(t.Context(), time.Minute)
	defer end()
	var seen atomic.Int64
	visit := func() walk.Visitor {
		return func(*walk.User) error { seen.Add(1); return nil }
	}
	require.NoError(t, v.Walk(ctx, walk.AllTime, visit, walk.AtMost(each)))
	require.EqualValues(t, 256*users, seen.Load())
}

// TestIDsAreCounted: what is read to order events that differ in their ids alone is counted,
// and ends a walk where there is no memory for it.
func TestIDsAreCounted(t *testing.T) {
	t.Parallel()
	const users = 3000
	ofTies := func() *walk.View { // whose ids no walk has read
		files := make([]*walk.File, 2)
		for f := range files {
			var events []walk.Source
			for user := range uint32(users) {
				events = append(events, walk.Source{User: user, Type: "a", ID: uuid.New()})
			}
			files[f] = walktest.File(t, events...)
		}
		return walk.NewView(files)
	}
	ties := make([][]walk.Event, users)
	for user := range ties {
		for file := range uint32(2) {
			ties[user] = append(ties[user], walk.Event{File: file, At: uint32(user)})
		}
	}
	full := errors.New("full")
	for name, ask := range map[string]func(v *walk.View, grow walk.Option) error{
		"walk": func(v *walk.View, grow walk.Option) error {
			return v.Walk(t.Context(), walk.AllTime, func() walk.Visitor { return func(*walk.User) error { return nil } }, grow)
		},
		"ends": func(v *walk.View, grow walk.Option) error {
			return v.Ends(t.Context(), walk.AllTime, true, func(*walk.Event) bool { return true }, func(uint32, *walk.Event) {}, grow)
		},
		"order": func(v *walk.View, grow walk.Option) error { return v.OrderByID(ties, grow) },
		"ids": func(v *walk.View, grow walk.Option) error {
			_, err := v.IDs(t.Context(), slices.Concat(ties...), grow)
			return err
		},
	} {
		var grown atomic.Int64
		require.NoError(t, ask(ofTies(), walk.Grow(func(bytes int) error { grown.Add(int64(bytes)); return nil })), name)
		require.EqualValues(t, 2*users*20, grown.Load(), name)
		require.ErrorIs(t, ask(ofTies(), walk.Grow(func(int) error { return full })), full, name)
	}
}
