package userkey

import (
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/postgres/pgtest"
)

// people returns user ids of 36 characters, the same for the same seed.
func people(n int, seed uint64) []string {
	random := rand.NewChaCha8([32]byte{byte(seed)})
	users := make([]string, n)
	for i := range users {
		users[i] = uuid.Must(uuid.NewRandomFromReader(random)).String()
	}
	return users
}

// load has 200,000 events of up to 100,000 users.
func load(users []string) []event.Event {
	random := rand.New(rand.NewPCG(1, 1))
	var lines []event.Event
	for range 200_000 {
		lines = append(lines, event.Event{UserID: users[random.IntN(100_000)], Type: "page_view", Properties: `{"country":"UA"}`})
	}
	events, err := outbox.Decode(outbox.Encode(lines)) // one text that all share, as in a load
	if err != nil {
		panic(err)
	}
	return events
}

func heap() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// BenchmarkCached is a load whose users are all remembered, among a million.
func BenchmarkCached(b *testing.B) {
	users := people(1_000_000, 1)
	before := heap()
	k := New(nil, 2_000_000)
	for i, id := range users {
		k.cache.add(1, id, uint32(i))
	}
	taken := heap() - before
	events := load(users)
	for b.Loop() {
		_, err := k.Of(b.Context(), 1, events)
		require.NoError(b, err)
	}
	b.ReportMetric(taken/float64(len(users)), "B/user")
	runtime.KeepAlive(users)
}

// BenchmarkNew is a load in which all users are new.
func BenchmarkNew(b *testing.B) {
	k := New(pgtest.New(b), 1_000_000)
	events := load(people(100_000, 1))
	for project := int64(1); b.Loop(); project++ {
		_, err := k.Of(b.Context(), project, events)
		require.NoError(b, err)
	}
}

// BenchmarkForgotten is a load whose users all have keys, of which none is
// remembered.
func BenchmarkForgotten(b *testing.B) {
	pool := pgtest.New(b)
	events := load(people(100_000, 1))
	_, err := New(pool, 1).Of(b.Context(), 1, events)
	require.NoError(b, err)
	for b.Loop() {
		_, err := New(pool, 1_000_000).Of(b.Context(), 1, events)
		require.NoError(b, err)
	}
}
