package exactness

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"eventanalytics/tests/harness/stack"
)

// TestFailover ends a replica amid uploads, once at once and once as a deployment
// does. Clients send what was not answered to another replica.
func TestFailover(t *testing.T) {
	t.Run("SIGKILL", func(t *testing.T) {
		f := newFailover(t)
		f.run(t, func() error {
			if err := f.replica.Kill(); err != nil {
				return err
			}
			if err := f.replica.Wait(time.Minute); errors.Is(err, stack.ErrTimeout) {
				return err
			}
			return nil
		})
		require.Zero(t, f.refused.Load(), "answers of 503")
		require.Positive(t, f.broken.Load(), "uploads without an answer")
		require.LessOrEqual(t, f.accepted.Load(), int64(len(f.facts)), "events that were counted as new")
	})
	t.Run("SIGTERM", func(t *testing.T) {
		f := newFailover(t)
		f.run(t, f.replica.Stop)
		require.Positive(t, f.broken.Load()+f.refused.Load(), "uploads sent again")
		// What is stored has been answered, however the replica was drained.
		require.EqualValues(t, len(f.facts), f.accepted.Load(), "events that were counted as new")
	})
}

type failover struct {
	*caller
	facts   []fact
	clients [][]upload
	events  map[*byte]int // of an upload, by where its body begins

	replica  *stack.Process // the one that ends
	url      string
	answered chan struct{} // gets one for each answer of the replica's

	accepted, broken, refused atomic.Int64
}

func newFailover(t *testing.T) *failover {
	t.Helper()
	p, err := servers.StartService(t.Context(), "ingest")
	require.NoError(t, err)
	f := &failover{
		caller: newCaller(t), replica: p, url: "http://" + servers.Addresses["ingest"],
		answered: make(chan struct{}, 10_000), events: map[*byte]int{},
	}
	// Events overlap: what a killed replica was storing is asked for by others.
	rng := newRand(t, 0)
	f.facts = newFacts(rng, 12_000)
	parts := slices.Collect(slices.Chunk(f.facts, 1_500))
	for i, part := range parts {
		f.clients = append(f.clients, f.uploads(rng, part, parts[(i+1)%len(parts)]))
	}
	return f
}

// uploads are those of one client: all of its own events, in small and large
// uploads, and some of another's.
func (f *failover) uploads(rng *rand.Rand, own, other []fact) []upload {
	var all []upload
	add := func(facts []fact) {
		u := jsonUpload(facts)
		f.events[&u.body[0]] = len(facts)
		all = append(all, u)
	}
	for part := range slices.Chunk(own, 30) {
		add(part)
	}
	for range 20 {
		add(pick(rng, other, 1, shuffled))
	}
	for range 4 {
		add(pick(rng, other, 1_000, shuffled))
	}
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// run lets the clients post, calls end when the replica has answered a part of
// them, and looks at what is stored.
func (f *failover) run(t *testing.T, end func() error) {
	t.Helper()
	g, ctx := errgroup.WithContext(t.Context())
	for _, uploads := range f.clients {
		g.Go(func() error {
			for _, u := range uploads {
				if err := f.settle(ctx, u); err != nil {
					return err
				}
			}
			return nil
		})
	}
	g.Go(func() error {
		for range len(f.clients) * len(f.clients[0]) / 6 {
			select {
			case <-f.answered:
			case <-ctx.Done():
				return nil
			}
		}
		return end()
	})
	require.NoError(t, g.Wait())
	t.Logf("without an answer %d, refused while draining %d", f.broken.Load(), f.refused.Load())
	f.holds(t, f.facts)
}

// settle sends an upload to the replica that will end, and then to one that
// stays.
func (f *failover) settle(ctx context.Context, u upload) error {
	events := f.events[&u.body[0]]
	a, err := f.post(ctx, f.url, u)
	switch {
	case err != nil && ctx.Err() == nil:
		f.broken.Add(1)
	case err != nil:
		return err
	case a.Status == http.StatusServiceUnavailable:
		f.refused.Add(1)
	case a.Status != http.StatusAccepted || a.Events != events || a.Rejected > 0:
		return fmt.Errorf("the replica that ends answers %s", a)
	default:
		f.answered <- struct{}{}
		f.accepted.Add(int64(a.Accepted))
		return nil
	}
	if a, err = f.mustPost(ctx, replicas[0], u, events); err != nil {
		return fmt.Errorf("sending again: %w", err)
	}
	f.accepted.Add(int64(a.Accepted))
	return nil
}
