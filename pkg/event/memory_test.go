package event

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// An event may not be larger than the decoder is willing to hold at once, in
// whatever way it is large; no part of the request is stored.
func TestDecodeBoundsAnEvent(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 2*maxEventBytes)
	var members strings.Builder
	for i := range maxEventBytes / 10 {
		fmt.Fprintf(&members, `"k%08d":1,`, i)
	}
	for name, body := range map[string]string{
		"string":        eventWith("user_id", `"`+long+`"`),
		"properties":    eventWith("properties", `{"a":"`+long+`"}`),
		"array":         "[" + eventWith() + ", " + eventWith("x", "["+strings.Repeat("1,", maxEventBytes)+"1]") + "]",
		"not an object": `["` + long + `"]`,
		"name":          `{"` + long + `": 1}`,
		"members":       "{" + members.String() + strings.TrimPrefix(eventWith(), "{"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			batch, err := decode(body)
			require.Nil(t, batch)
			require.ErrorIs(t, err, ErrEventTooLarge)
		})
	}
}

// A large properties object below the bound is rejected on its own.
func TestDecodeRefusesLargePropertiesAlone(t *testing.T) {
	t.Parallel()
	batch, err := decode("[" + eventWith() + "," + eventWith("properties", `{"a":"`+strings.Repeat("x", maxEventBytes/2)+`"}`) + "]")
	require.NoError(t, err)
	require.Len(t, batch.Events, 1)
	require.Equal(t, "too-large", batch.Invalid[0].Code)
}

// One allocation per event would produce garbage by the million; a whole batch must
// not take more than about twice its length.
func TestDecodeAllocatesLittle(t *testing.T) {
	const n = 20_000
	var body strings.Builder
	for i := range n {
		fmt.Fprintf(&body, "%s\n", eventWith("user_id", fmt.Sprint(i%100)))
	}
	text, large := body.String(), Limits{MaxEvents: n, NotAfter: limits.NotAfter}
	var batch *Batch
	allocations := testing.AllocsPerRun(3, func() {
		var err error
		batch, err = Decode(strings.NewReader(text), true, large)
		require.NoError(t, err)
	})
	require.Less(t, allocations/n, 0.1)
	var before, after runtime.MemStats
	batch = nil
	runtime.GC()
	runtime.ReadMemStats(&before)
	batch, err := Decode(strings.NewReader(text), true, large)
	require.NoError(t, err)
	runtime.GC()
	runtime.ReadMemStats(&after)
	require.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(3*len(text)/2))
	runtime.KeepAlive(batch)
}

// Invalid events are shorter than what is said about them: 250,000 fit into 500 KB.
// Each counts, and the first are kept.
func TestDecodeKeepsTheFirstMistakes(t *testing.T) {
	const n = 250_000
	text, large := "[0"+strings.Repeat(",0", n-1)+"]", Limits{MaxEvents: n, NotAfter: limits.NotAfter}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	batch, err := Decode(strings.NewReader(text), false, large)
	require.NoError(t, err)
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(len(text)))
	require.Equal(t, []int{n, n, MaxKept}, []int{batch.Len(), batch.Rejected, len(batch.Invalid)})
	require.Equal(t, MaxKept-1, batch.Invalid[MaxKept-1].Index)
	require.Equal(t, "not-an-object", batch.Code)

	batch, err = Decode(strings.NewReader(text[:len(text)-1]+",{}]"), false, Limits{MaxEvents: n + 1})
	require.NoError(t, err)
	require.Empty(t, batch.Code, "one that is not kept has another mistake")
}

// Decoders are reused: nothing from one request may leak into the next.
func TestDecodeLeavesNothingBehind(t *testing.T) {
	first, err := decode("[" + eventWith("user_id", `"first"`) + "," + eventWith("event_type", `"one"`) + "]")
	require.NoError(t, err)
	kept := append([]Event{}, first.Events...)
	for range 100 {
		_, err := decode(eventWith("user_id", `"second"`)[:60])
		require.Error(t, err)
		_, err = decode(eventWith("user_id", `"`+strings.Repeat("z", 150)+`"`, "event_type", `"two"`))
		require.NoError(t, err)
	}
	require.Equal(t, kept, first.Events)
	require.Equal(t, "first", first.Events[0].UserID)
	require.Equal(t, time.UnixMicro(first.Events[0].OccurredAt).UTC(), first.Events[0].Time())
}
