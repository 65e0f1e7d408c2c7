package exactness

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// atOnce runs do for each of n clients, who all begin at the same time, and
// requires that none fails.
func atOnce(t *testing.T, n int, do func(ctx context.Context, client int) error) {
	t.Helper()
	begin := make(chan struct{})
	g, ctx := errgroup.WithContext(t.Context())
	for client := range n {
		g.Go(func() error {
			<-begin
			if err := do(ctx, client); err != nil {
				return fmt.Errorf("client %d: %w", client, err)
			}
			return nil
		})
	}
	close(begin)
	require.NoError(t, g.Wait())
}

// stormClients are how many post the same at once.
const stormClients = 64

// TestDuplicateStorm lets everybody post the very same events at once.
func TestDuplicateStorm(t *testing.T) {
	for _, x := range []struct {
		name           string
		rounds, events int
	}{
		{"one event", 30, 1},
		{"ten events", 10, 10},
		{"a batch", 2, 2_000},
	} {
		t.Run(x.name, func(t *testing.T) {
			rng := newRand(t, 0)
			c := newCaller(t)
			var all []fact
			for range x.rounds {
				facts := newFacts(rng, x.events)
				all = append(all, facts...)
				u := jsonUpload(facts)
				var accepted atomic.Int64
				atOnce(t, stormClients, func(ctx context.Context, client int) error {
					a, err := c.mustPost(ctx, replicas[client%2], u, len(facts))
					if err == nil {
						accepted.Add(int64(a.Accepted))
					}
					return err
				})
				require.EqualValues(t, len(facts), accepted.Load(), "events that were counted as new")
			}
			c.holds(t, all)
		})
	}
}

// TestDeadlockHunt lets big batches that overlap meet in different orders: ids
// that are not put in one order before they are stored wait for each other.
func TestDeadlockHunt(t *testing.T) {
	rng := newRand(t, 0)
	c := newCaller(t)
	before := deadlocksLogged(t)
	var all []fact
	var accepted atomic.Int64
	for range 3 {
		facts := newFacts(rng, 20_000)
		all = append(all, facts...)
		uploads := make([]upload, 2*orders)
		for i := range uploads {
			uploads[i] = jsonUpload(pick(rng, facts, len(facts), order(i/2)))
		}
		atOnce(t, len(uploads), func(ctx context.Context, client int) error {
			a, err := c.mustPost(ctx, replicas[client%2], uploads[client], len(facts))
			if err == nil {
				accepted.Add(int64(a.Accepted))
			}
			return err
		})
	}
	// Not the statistics: a session sends them when it has been idle for a while.
	// They are looked at in the end.
	require.Equal(t, before, deadlocksLogged(t), "deadlocks")
	require.EqualValues(t, len(all), accepted.Load(), "events that were counted as new")
	c.holds(t, all)
}

func deadlocksLogged(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile(dbLog)
	require.NoError(t, err)
	return strings.Count(string(text), "deadlock detected")
}
