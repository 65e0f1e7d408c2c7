package history_test

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/event"
	"eventanalytics/tests/bench/history"
)

var end = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func config(events int64) history.Config {
	return history.Config{Seed: 1, Events: events, Users: max(1, events/100), Days: 365, End: end}
}

func events(t *testing.T, cfg history.Config) []event.Event {
	t.Helper()
	seq, err := history.Events(cfg)
	require.NoError(t, err)
	var all []event.Event
	for e := range seq {
		all = append(all, *e)
	}
	return all
}

func TestASeedGivesTheSameEvents(t *testing.T) {
	t.Parallel()
	cfg := config(2000)
	first := events(t, cfg)
	require.Len(t, first, 2000)
	require.Equal(t, first, events(t, cfg))
	cfg.Seed++
	require.NotEqual(t, first, events(t, cfg))
}

func TestSomeEventsAreLate(t *testing.T) {
	t.Parallel()
	const n = 50_000
	cfg := config(n)
	late, ids := 0, map[string]bool{}
	for i, e := range events(t, cfg) {
		ids[e.ID.String()] = true
		require.False(t, e.Time().Before(cfg.Start()))
		require.True(t, e.Time().Before(end))
		arrived := cfg.Start().Add(time.Duration((float64(i) + 0.5) / n * float64(end.Sub(cfg.Start()))))
		lag := arrived.Sub(e.Time())
		require.GreaterOrEqual(t, lag, -time.Millisecond)
		require.Less(t, lag, history.LateDays*24*time.Hour+time.Millisecond)
		if lag > 3*time.Second+time.Millisecond {
			late++
		}
	}
	require.Len(t, ids, n)
	require.InDelta(t, n*history.Late, late, 5*math.Sqrt(n*history.Late))
}

func TestActivityFallsAsZipfSays(t *testing.T) {
	t.Parallel()
	const n = 60_000
	cfg := config(n)
	types, users := map[string]int{}, map[string]int{}
	rare, bytes := 0, 0
	for _, e := range events(t, cfg) {
		types[e.Type]++
		users[e.UserID]++
		var p map[string]any
		require.NoError(t, json.Unmarshal([]byte(e.Properties), &p), e.Properties)
		require.Len(t, p["country"], 2)
		require.Len(t, p["session_id"], 8)
		if _, ok := p[history.RareKey]; ok {
			rare++
		}
		_, priced := p["price"]
		var k int
		_, err := fmt.Sscanf(e.Type, "event_type_%d", &k)
		require.NoError(t, err)
		require.Equal(t, k%2 == 0, priced)
		bytes += len(e.Properties)
	}
	require.Len(t, types, history.Types)
	for k := 1; k <= history.Types; k++ {
		// The k-th has the share of ln(k+1) - ln(k) in ln(51).
		want := n * math.Log(float64(k+1)/float64(k)) / math.Log(history.Types+1)
		require.InDelta(t, want, types[history.Type(k)], 6*math.Sqrt(want))
	}
	require.InDelta(t, n*history.Rare, rare, 6*math.Sqrt(n*history.Rare))
	require.Less(t, rare, n/100)
	require.InDelta(t, 120, bytes/n, 35)

	// Nearly all users have events, the busiest many times their share.
	require.InDelta(t, cfg.Users, len(users), 0.25*float64(cfg.Users))
	most := 0
	for _, count := range users {
		most = max(most, count)
	}
	require.Greater(t, most, 20*n/len(users))
}

// Users come and go: otherwise all would be in the first cohort, and retention would
// be a straight line.
func TestUsersLive(t *testing.T) {
	t.Parallel()
	cfg := config(200_000)
	first, last := map[string]time.Time{}, map[string]time.Time{}
	for _, e := range events(t, cfg) {
		if at, ok := first[e.UserID]; !ok || e.Time().Before(at) {
			first[e.UserID] = e.Time()
		}
		if at, ok := last[e.UserID]; !ok || e.Time().After(at) {
			last[e.UserID] = e.Time()
		}
	}
	var months [12]int
	short, long := 0, 0
	for user, at := range first {
		months[at.Month()-1]++
		switch life := last[user].Sub(at); {
		case life < 14*24*time.Hour:
			short++
		case life > 90*24*time.Hour:
			long++
		}
	}
	for _, n := range months[1:] {
		require.Greater(t, n, len(first)/30)
	}
	require.Greater(t, short, len(first)/5)
	require.Greater(t, long, len(first)/50)
}

func TestJSONBytesIsWhatIsSent(t *testing.T) {
	t.Parallel()
	for _, e := range events(t, config(100)) {
		text := fmt.Sprintf(`{"event_id":%q,"occurred_at":%q,"user_id":%q,"event_type":%q,"properties":%s},`,
			e.ID, e.Time().Format("2006-01-02T15:04:05.000000Z07:00"), e.UserID, e.Type, e.Properties)
		require.EqualValues(t, len(text), history.JSONBytes(&e))
	}
}

func BenchmarkEvents(b *testing.B) {
	seq, err := history.Events(config(int64(b.N) + 1))
	require.NoError(b, err)
	for range seq {
	}
}
