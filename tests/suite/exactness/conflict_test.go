package exactness

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// TestConflict lets clients post the same ids with a content of each one's own,
// half of them all or nothing. One content wins, and each client is told of every
// event of its own that did not.
func TestConflict(t *testing.T) {
	for _, x := range []struct {
		name                    string
		rounds, events, clients int
	}{
		{"one event", 15, 1, 32},
		{"a small batch", 5, 60, 32},
		{"a big batch", 1, 5_000, 16},
	} {
		t.Run(x.name, func(t *testing.T) {
			rng := newRand(t, 0)
			c := newCaller(t)
			var all []fact
			for range x.rounds {
				all = append(all, clash(t, c, newFacts(rng, x.events), x.clients)...)
			}
			c.holds(t, all)
		})
	}
}

// clash returns what was stored of facts.
func clash(t *testing.T, c *caller, facts []fact, clients int) (winners []fact) {
	t.Helper()
	before := c.ledger(t)
	versions := make([][]fact, clients)
	uploads := make([]upload, clients)
	answers := make([]*answer, clients)
	sure := map[uuid.UUID]bool{} // sent in an upload that stores what it can
	for i := range versions {
		rng := newRand(t, 1+i)
		versions[i] = pick(rng, facts, len(facts)-len(facts)/3, order(i/2%int(orders)))
		for at := range versions[i] {
			f := &versions[i][at]
			f.User += fmt.Sprintf(" as client %d", i)
			if i%2 == 0 {
				sure[f.ID] = true
			}
		}
		uploads[i] = jsonUpload(versions[i])
		uploads[i].atomic = i%2 == 1
	}
	atOnce(t, clients, func(ctx context.Context, i int) (err error) {
		answers[i], err = c.post(ctx, replicas[i/2%2], uploads[i])
		return err
	})

	stored := c.outbox(t)
	for i, a := range answers {
		won := 0
		mine := make([]bool, len(versions[i]))
		for at, f := range versions[i] {
			if mine[at] = stored[f.ID] == f; mine[at] {
				won++
				winners = append(winners, f)
			}
		}
		lost := len(versions[i]) - won
		for _, e := range a.Errors {
			require.Equal(t, "conflict", e.Code)
			require.False(t, mine[*e.Index], "event %d is stored as client %d sent it, who was told otherwise: %s", *e.Index, i, a)
		}
		if uploads[i].atomic && a.Status == http.StatusConflict {
			require.Zero(t, won, "an upload that was refused as a whole: %s", a)
			require.NotEmpty(t, a.Errors)
			require.Equal(t, "/problems/conflict", a.Type)
			continue
		}
		require.Equal(t, http.StatusAccepted, a.Status, "%s", a)
		require.Equal(t, won, a.Accepted, "%s", a)
		require.Equal(t, lost, a.Duplicates, "%s", a)
		require.Equal(t, lost, len(a.Errors)+a.Omitted, "%s", a)
		if uploads[i].atomic {
			require.Zero(t, lost, "%s", a)
		}
	}
	require.Equal(t, len(c.ledger(t))-len(before), len(winners))
	for _, f := range winners {
		delete(sure, f.ID)
	}
	require.Empty(t, sure, "events that are stored for nobody")
	return winners
}
