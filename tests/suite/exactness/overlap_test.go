package exactness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// mixture is what each client of the overlap posts, in an order of its own.
var mixture = []struct{ uploads, events int }{{1, 30_000}, {2, 5_000}, {6, 300}, {8, 10}, {10, 1}}

// TestOverlap lets clients post parts of the same events in every form and order.
func TestOverlap(t *testing.T) {
	rng := newRand(t, 0)
	c := newCaller(t)
	facts := newFacts(rng, 40_000)
	// These are sent in uploads that are refused, and in events that are invalid.
	facts, refused := facts[:39_500], facts[39_500:]
	o := &overlap{caller: c, facts: facts, refused: refused, at: map[uuid.UUID]int{}, sent: make([]atomic.Bool, len(facts))}
	for i, f := range facts {
		o.at[f.ID] = i
	}
	g, ctx := errgroup.WithContext(t.Context())
	for n := range 6 {
		rng := newRand(t, n+1)
		g.Go(func() error { return o.client(ctx, rng) })
	}
	require.NoError(t, g.Wait())

	var sent []fact
	for i := range facts {
		if o.sent[i].Load() {
			sent = append(sent, facts[i])
		}
	}
	require.EqualValues(t, len(sent), o.accepted.Load(), "events that were counted as new")
	c.holds(t, sent)
}

type overlap struct {
	*caller
	facts, refused []fact
	at             map[uuid.UUID]int // index in facts

	sent     []atomic.Bool // by index: in an upload that was accepted
	accepted atomic.Int64
}

func (o *overlap) client(ctx context.Context, rng *rand.Rand) error {
	var sizes []int
	for _, m := range mixture {
		for range m.uploads {
			sizes = append(sizes, m.events)
		}
	}
	rng.Shuffle(len(sizes), func(i, j int) { sizes[i], sizes[j] = sizes[j], sizes[i] })
	for _, n := range sizes {
		some := pick(rng, o.facts, n, order(rng.IntN(int(orders))))
		if err := o.upload(ctx, rng, some); err != nil {
			return fmt.Errorf("uploading %d events: %w", n, err)
		}
	}
	return nil
}

func (o *overlap) upload(ctx context.Context, rng *rand.Rand, some []fact) error {
	bases := []string{replicas[0], replicas[1], gateway}
	base := bases[rng.IntN(len(bases))]
	ndjson := rng.IntN(3) == 0
	encoding := []string{"", "", "gzip", "zstd"}[rng.IntN(4)]
	switch rng.IntN(6) {
	case 0:
		invalid := o.invalid(rng)
		u := newUpload(some, invalid, ndjson, encoding)
		a, err := o.post(ctx, base, u)
		if err != nil {
			return err
		}
		if wrong := min(len(invalid), len(some)); a.Status != http.StatusAccepted || a.Rejected != wrong || a.Events != len(some)+wrong {
			return fmt.Errorf("with %d invalid events: %s", wrong, a)
		}
		o.count(some, a)
	case 1: // all or nothing: these are never sent otherwise
		u := newUpload(o.refused[:min(len(some), len(o.refused))], o.invalid(rng), ndjson, encoding)
		u.atomic = true
		a, err := o.post(ctx, base, u)
		if err != nil {
			return err
		}
		if a.Status != http.StatusUnprocessableEntity {
			return fmt.Errorf("atomic, with invalid events: %s", a)
		}
	case 2:
		u := newUpload(some, nil, ndjson, encoding)
		u.atomic = rng.IntN(2) == 0
		return o.uploadOnce(ctx, some, u)
	default:
		u := newUpload(some, nil, ndjson, encoding)
		u.atomic = rng.IntN(4) == 0
		a, err := o.mustPost(ctx, base, u, len(some))
		if err != nil {
			return err
		}
		o.count(some, a)
	}
	return nil
}

// uploadOnce posts the same under one Idempotency-Key to all at once: one is the
// first, and the others must hear what it heard, to the byte.
func (o *overlap) uploadOnce(ctx context.Context, some []fact, u upload) error {
	u.header["Idempotency-Key"] = uuid.NewString()
	bases := []string{replicas[0], replicas[1], gateway, replicas[1]}
	answers := make([]*answer, len(bases))
	g, ctx := errgroup.WithContext(ctx)
	for i, base := range bases {
		g.Go(func() (err error) {
			answers[i], err = o.mustPost(ctx, base, u, len(some))
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("with an Idempotency-Key: %w", err)
	}
	firsts := 0
	for _, a := range answers {
		if !bytes.Equal(a.Body, answers[0].Body) {
			return fmt.Errorf("two answers under one key: %s, %s", answers[0], a)
		}
		switch a.Header.Get("Idempotency-Replayed") {
		case "":
			firsts++
		case "true":
		default:
			return errors.New("Idempotency-Replayed is neither true nor absent")
		}
	}
	if firsts != 1 {
		return fmt.Errorf("%d of %d answers under one key are not replayed", firsts, len(answers))
	}
	o.count(some, answers[0])
	return nil
}

func (o *overlap) count(some []fact, a *answer) {
	for _, f := range some {
		o.sent[o.at[f.ID]].Store(true)
	}
	o.accepted.Add(int64(a.Accepted))
}

// invalid returns some texts that are no events, though their ids are good.
func (o *overlap) invalid(rng *rand.Rand) []string {
	all := make([]string, 1+rng.IntN(3))
	for i := range all {
		f := o.refused[rng.IntN(len(o.refused))]
		f.Type = ""
		all[i] = string(f.json())
	}
	return all
}
