package load

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/segment"
	"eventanalytics/services/syncworker/lease"
)

// picky refuses events without saying which one is at fault.
type picky struct{}

func (picky) Write(_ context.Context, project int64, events []event.Event, _ []uint32, epoch int64) (segment.Segment, error) {
	for _, e := range events {
		if e.UserID == "" {
			return segment.Segment{}, fmt.Errorf("one of them: %w", segment.ErrRefused)
		}
	}
	return segment.Segment{ProjectID: project, Events: int64(len(events)), Epoch: epoch}, nil
}

// What the warehouse refuses without saying which event it was is halved.
func TestBisection(t *testing.T) {
	t.Parallel()
	loader := &Loader{deps: Deps{Term: &lease.Term{Lease: &manifest.Lease{}}, Writer: picky{}}}
	events := make([]event.Event, 50)
	for i := range events {
		events[i] = event.Event{ID: uuid.New(), UserID: "u", Type: "t"}
	}
	rows := []outbox.Row{{Position: outbox.Position{XID: 1, Seq: 1}}, {Position: outbox.Position{XID: 1, Seq: 2}}}
	g := &group{project: 1, events: events, keys: make([]uint32, 50), rows: []*outbox.Row{&rows[0], &rows[1]}, ends: []int{20, 50}}
	for _, i := range []int{0, 19, 20, 49} {
		events[i].UserID = ""
	}
	segments, dead, err := loader.writeGroup(t.Context(), g, 0, len(events))
	require.NoError(t, err)
	var loaded int64
	for _, s := range segments {
		loaded += s.Events
	}
	require.EqualValues(t, 46, loaded)
	require.Len(t, dead, 4)
	for i, seq := range []int64{1, 1, 2, 2} {
		require.Equal(t, seq, dead[i].row.Seq)
	}
}

func TestCompletenessBounds(t *testing.T) {
	t.Parallel()
	start := time.Date(2025, 8, 1, 12, 0, 0, 0, time.UTC)
	at := func(n int) time.Time { return start.Add(time.Duration(n) * time.Second) }
	row := func(xid uint64) []outbox.Row { return []outbox.Row{{Position: outbox.Position{XID: xid}}} }
	var c completeness
	c = c.loaded(outbox.Batch{At: at(1), XMin: 10, XMax: 20, Drained: true}, 10)
	require.Zero(t, c.until, "10 is running")
	c = c.loaded(outbox.Batch{At: at(2), XMin: 25, XMax: 30, Rows: row(19)}, 19)
	require.Zero(t, c.until, "rows of 19 may be left")
	c = c.loaded(outbox.Batch{At: at(3), XMin: 25, XMax: 30, Rows: row(20)}, 20)
	require.Equal(t, at(1), c.until)
	c = c.loaded(outbox.Batch{At: at(4), XMin: 29, XMax: 30, Drained: true}, 29)
	require.Equal(t, at(1), c.until)
	c = c.loaded(outbox.Batch{At: at(5), XMin: 30, XMax: 30, Drained: true}, 30)
	require.Equal(t, at(5), c.until)
	require.Empty(t, c.waiting)
	for i := range uint64(1000) {
		c = c.loaded(outbox.Batch{At: at(int(10 + i)), XMin: 30, XMax: 40 + i, Drained: true}, 30)
	}
	require.Len(t, c.waiting, maxCheckpoints)
	c = c.loaded(outbox.Batch{At: at(2000), XMin: 41, XMax: 2000, Drained: true}, 41)
	require.Equal(t, at(11), c.until)
}
