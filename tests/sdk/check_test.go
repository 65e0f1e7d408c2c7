package sdk

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// exactly is a run in which each event was taken once and is stored once.
func exactly(name string, f fault) (*run, []event) {
	r := &run{sdk: byName(name), fault: f, begun: time.Now(), traffic: newTraffic(f, "")}
	r.base = r.begun.UTC().AddDate(0, 0, -2).Truncate(time.Second)
	var rows []event
	for n := range events {
		e := knownEvent(n, r.base)
		row := event{At: e.at, User: e.user, Type: e.name, Properties: e.properties}
		if row.At.IsZero() || r.sdk.timeless {
			row.At = time.Now()
		}
		rows = append(rows, row)
		r.traffic.note([]int{n}, r.traffic.stored, r.traffic.told)
	}
	return r, rows
}

func byName(name string) *SDK {
	for i := range sdks {
		if sdks[i].Name == name {
			return &sdks[i]
		}
	}
	return nil
}

// TestCheck: every way in which the service could be wrong is seen, and what an SDK is
// known to do is not held against it.
func TestCheck(t *testing.T) {
	t.Parallel()
	none, before := faults[0], faults[1]
	for _, c := range []struct {
		name, sdk string
		fault     fault
		change    func(*run, []event) []event
		wrong     string // the first thing that is; empty if all is right
	}{
		{"all", "segment-node", none, func(_ *run, rows []event) []event { return rows }, ""},
		{"one is lost", "segment-node", none, func(_ *run, rows []event) []event { return rows[1:] }, "event 0 is stored 0 times"},
		{"one is stored twice", "segment-node", none, func(_ *run, rows []event) []event { return append(rows, rows[7]) }, "event 7 is stored 2 times"},
		{"one was sent twice", "segment-node", none, func(r *run, rows []event) []event { r.traffic.stored[7]++; return rows }, ""},
		{"one without an id was sent twice, and one is lost", "umami-node", none, func(r *run, rows []event) []event { r.traffic.stored[7]++; return rows }, "event 7 is stored 1 times"},
		{"one without an id was sent twice", "umami-node", none, func(r *run, rows []event) []event { r.traffic.stored[7]++; return append(rows, rows[7]) }, ""},
		{"one with a time was sent twice", "openpanel-node", none, func(r *run, rows []event) []event { r.traffic.stored[8]++; return rows }, ""},
		{"given up, as the SDK does", "umami-node", before, func(r *run, rows []event) []event {
			delete(r.traffic.stored, 3)
			r.traffic.lost[3]++
			return append(rows[:3:3], rows[4:]...)
		}, ""},
		{"given up, which the SDK does not", "segment-node", before, func(r *run, rows []event) []event {
			delete(r.traffic.stored, 3)
			r.traffic.lost[3]++
			return append(rows[:3:3], rows[4:]...)
		}, "lost, which the SDK does not do at this fault: [3]"},
		{"perhaps committed", "segment-node", none, func(r *run, rows []event) []event {
			delete(r.traffic.stored, 3)
			r.traffic.unclear[3]++
			return rows
		}, ""},
		{"an operation is counted", "segment-node", none, func(_ *run, rows []event) []event { return append(rows, event{Type: "identify"}) }, "an event that was not recorded"},
		{"another type", "segment-node", none, func(_ *run, rows []event) []event { rows[2].Type = "x"; return rows }, "event 2: its type"},
		{"another user", "segment-node", none, func(_ *run, rows []event) []event { rows[2].User = "x"; return rows }, "event 2: its user"},
		{"another text", "segment-node", none, func(_ *run, rows []event) []event { rows[2].Properties["text"] = "?"; return rows }, "event 2: its property text"},
		{"another time", "segment-node", none, func(_ *run, rows []event) []event { rows[4].At = rows[4].At.Add(time.Millisecond); return rows }, "event 4: it happened at"},
		{"a refusal", "segment-node", none, func(r *run, rows []event) []event {
			r.traffic.answered([]int{1}, &answer{status: 400, path: "/v1/batch"})
			return rows
		}, "/v1/batch: 400"},
	} {
		r, rows := exactly(c.sdk, c.fault)
		wrong := r.check(c.change(r, rows))
		if c.wrong == "" {
			require.Empty(t, wrong, c.name)
			continue
		}
		require.NotEmpty(t, wrong, c.name)
		require.Contains(t, wrong[0], c.wrong, c.name)
	}
}

// TestSettled: a run waits for what the SDK still has to send again, and not for what it
// has given up.
func TestSettled(t *testing.T) {
	t.Parallel()
	traffic := newTraffic(faults[1], "")
	traffic.note([]int{0}, traffic.stored, traffic.told)
	require.False(t, traffic.settled(2, true))
	traffic.note([]int{1}, traffic.lost)
	require.True(t, traffic.settled(2, true))
	require.False(t, traffic.settled(2, false))
	traffic.note([]int{1}, traffic.stored) // but the SDK was not told
	require.False(t, traffic.settled(2, false))
	traffic.note([]int{1}, traffic.stored, traffic.told)
	require.True(t, traffic.settled(2, false))
}
