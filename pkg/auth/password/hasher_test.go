package password

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/refusal"
)

// cheap parameters keep the tests fast.
var cheap = argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}

func TestHasher(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	h, err := NewHasher(cheap)
	require.NoError(t, err)
	hash, err := h.Hash(ctx, "seven green lamps")
	require.NoError(t, err)
	again, err := h.Hash(ctx, "seven green lamps")
	require.NoError(t, err)
	require.NotEqual(t, hash, again, "the salt is random")

	ok, outdated, err := h.Verify(ctx, "seven green lamps", hash)
	require.NoError(t, err)
	require.True(t, ok)
	require.False(t, outdated)

	ok, _, err = h.Verify(ctx, "seven green lamp", hash)
	require.NoError(t, err)
	require.False(t, ok)

	ok, _, err = h.Verify(ctx, "seven green lamps", "")
	require.NoError(t, err)
	require.False(t, ok, "an unknown user matches nothing")

	_, _, err = h.Verify(ctx, "seven green lamps", "$2b$12$notargon2")
	require.Error(t, err)

	stronger, err := NewHasher(argon2id.Params{Memory: 128, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
	require.NoError(t, err)
	ok, outdated, err = stronger.Verify(ctx, "seven green lamps", hash)
	require.NoError(t, err)
	require.True(t, ok)
	require.True(t, outdated)
}

// What an unknown user costs is what a known one costs: the same parameters.
func TestDummyHashCostsTheSame(t *testing.T) {
	t.Parallel()
	h, err := NewHasher(Params)
	require.NoError(t, err)
	params, _, _, err := argon2id.DecodeHash(h.dummy)
	require.NoError(t, err)
	require.Equal(t, Params, *params)
	require.Equal(t, argon2id.Params{Memory: 19456, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}, Params)
}

func TestHasherQueueIsBounded(t *testing.T) {
	t.Parallel()
	h, err := NewHasher(cheap)
	require.NoError(t, err)
	leave, err := h.enter(t.Context()) // as if one was being hashed
	require.NoError(t, err)
	require.NoError(t, h.Full())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	queued := make(chan error, maxQueued)
	for range maxQueued {
		go func() {
			_, _, err := h.Verify(ctx, "x", "")
			queued <- err
		}()
	}
	require.Eventually(t, func() bool { return h.inside.Load() == maxHashing+maxQueued }, 20*time.Second, time.Millisecond)

	require.Error(t, h.Full())
	_, err = h.Hash(t.Context(), "one too many")
	var r *refusal.Error
	require.ErrorAs(t, err, &r)
	require.Equal(t, refusal.Unavailable, r.Kind)
	require.Positive(t, r.RetryAfter)

	cancel()
	for range maxQueued {
		if err := <-queued; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	leave()
	_, err = h.Hash(t.Context(), "there is room again")
	require.NoError(t, err)
}

// Logins leave three quarters of a core to the rest, however many there are.
func TestHasherPauses(t *testing.T) {
	t.Parallel()
	h, err := NewHasher(cheap)
	require.NoError(t, err)
	leave, err := h.enter(t.Context())
	require.NoError(t, err)
	const hashing = 50 * time.Millisecond
	time.Sleep(hashing) // as if it took so long
	leave()
	begun := time.Now()
	leave, err = h.enter(t.Context())
	require.NoError(t, err)
	leave()
	require.GreaterOrEqual(t, time.Since(begun), pauses*hashing)
}
