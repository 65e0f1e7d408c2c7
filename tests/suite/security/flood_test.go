package security

import (
	"context"
	"crypto/rand"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/tests/bench/measure"
)

const (
	rounds      = 3 // of posting, without a flood and under one
	roundFor    = 2 * time.Second
	floodGuests = 48                     // who log in at once, far more than are let in
	floodRatio  = 25                     // at most: before hashing paused it was over 1,000
	floodPause  = 100 * time.Millisecond // of each after an answer
	posters     = 4
	postEvery   = 20 * time.Millisecond // of each
)

// posting posts small uploads at a steady rate for a while and returns the 99th
// percentile of the time from when each was due: what waits for another counts.
func posting(t *testing.T, c *caller) time.Duration {
	t.Helper()
	var mu sync.Mutex
	var all []time.Duration
	var wg sync.WaitGroup
	begun := time.Now()
	for n := range posters {
		wg.Go(func() {
			for due := begun.Add(time.Duration(n) * postEvery / posters); due.Sub(begun) < roundFor; due = due.Add(postEvery) {
				time.Sleep(time.Until(due))
				a, err := c.try(t, "POST", gateway+"/api/events", event(uuid.NewString(), "under a flood"))
				took := time.Since(due)
				mu.Lock()
				if all = append(all, took); err != nil || a.status != 202 {
					t.Errorf("posting under a flood: %v %v", a, err)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	slices.Sort(all)
	return all[len(all)*99/100]
}

// flood logs many users in at once, until ctx ends, and counts the answers.
type flood struct {
	looked, busy, other atomic.Int64
	hurried             atomic.Int64 // refused without being told when to come back
}

func (f *flood) run(ctx context.Context, t *testing.T) {
	var wg sync.WaitGroup
	for range floodGuests {
		wg.Go(func() {
			for ctx.Err() == nil {
				// Another account each time: no limit of an account is in the way.
				a, err := nobody.try(t, "POST", gateway+"/api/auth/token", object("username", rand.Text(), "password", rand.Text()))
				switch {
				case err != nil:
					f.other.Add(1)
				case a.status == 401:
					f.looked.Add(1)
				case a.status == 503:
					f.busy.Add(1)
					if wait, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || wait < 1 {
						f.hurried.Add(1)
					}
				default:
					f.other.Add(1)
				}
				time.Sleep(floodPause)
			}
		})
	}
	wg.Wait()
}

// TestLoginFlood posts events while more people log in than passwords can be
// hashed for. It runs alone.
func TestLoginFlood(t *testing.T) {
	key, _ := register(t, "poster").newKey(t, "ingest")
	c := bearing("an ingest key", key)
	posting(t, c) // warms up
	for _, r := range ingest {
		require.NoError(t, measure.ForgetPeak(r.PID()))
	}
	_, before, err := measure.Memory(ingest[0].PID())
	require.NoError(t, err)

	var f flood
	var normal, flooded []time.Duration
	for range rounds { // in turns, so that noise meets both
		normal = append(normal, posting(t, c))
		ctx, end := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			f.run(ctx, t)
		}()
		flooded = append(flooded, posting(t, c))
		end()
		<-done
	}
	slices.Sort(normal)
	slices.Sort(flooded)
	ratio := float64(flooded[rounds/2]) / float64(normal[rounds/2])
	t.Logf("p99 of ingest, medians of %d rounds: %s normally, %s under a flood: %.1f times; %d logins looked at, %d told to come back",
		rounds, normal[rounds/2], flooded[rounds/2], ratio, f.looked.Load(), f.busy.Load())
	require.LessOrEqual(t, ratio, float64(floodRatio))
	require.Positive(t, f.looked.Load())
	require.Positive(t, f.busy.Load(), "the queue for hashing has an end")
	require.Zero(t, f.hurried.Load(), "of those without Retry-After")
	require.Zero(t, f.other.Load())

	_, peak, err := measure.Memory(ingest[0].PID())
	require.NoError(t, err)
	t.Logf("peak of memory: %d MiB before, %d MiB under a flood", before>>20, peak>>20)
	require.Less(t, peak, before+100<<20, "each password that is hashed takes 19 MiB")
}
