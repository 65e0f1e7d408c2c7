package auth

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/platform/problem"
)

// cheap parameters keep the tests fast.
var cheap = argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}

func TestCheckPassword(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ password, code string }{
		"7 bytes":                {"abcdefg", "invalid-field"},
		"8 bytes":                {"vlqmzrtk", ""},
		"4 characters, 12 bytes": {"日本語字", ""},
		"256 bytes":              {strings.Repeat("x", 256), ""},
		"257 bytes":              {strings.Repeat("x", 257), "invalid-field"},
		"empty":                  {"", "invalid-field"},
		"common":                 {"password123", "too-common"},
		"common in capitals":     {"QWERTYUIOP", "too-common"},
		"digits":                 {"12345678", "too-common"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := CheckPassword("new_password", c.password)
			if c.code == "" {
				require.NoError(t, err)
				return
			}
			p := problem.From(err)
			require.Equal(t, http.StatusUnprocessableEntity, p.Status)
			require.Equal(t, c.code, p.Code())
			require.Equal(t, "new_password", p.Errors[0].Field)
		})
	}
}

func TestCommonPasswordsCanBeMatched(t *testing.T) {
	t.Parallel()
	require.Greater(t, len(commonest()), 500)
	for p := range commonest() {
		require.Equal(t, strings.ToLower(p), p)
		require.GreaterOrEqual(t, len(p), MinPassword, p)
	}
}

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
	h, err := NewHasher(HashParams)
	require.NoError(t, err)
	params, _, _, err := argon2id.DecodeHash(h.dummy)
	require.NoError(t, err)
	require.Equal(t, HashParams, *params)
	require.Equal(t, argon2id.Params{Memory: 19456, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}, HashParams)
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
	require.Eventually(t, func() bool { return h.inside.Load() == maxHashing+maxQueued }, 5*time.Second, time.Millisecond)

	require.Error(t, h.Full())
	_, err = h.Hash(t.Context(), "one too many")
	var p *problem.Error
	require.ErrorAs(t, err, &p)
	require.Equal(t, http.StatusServiceUnavailable, p.Status)
	require.Positive(t, p.RetryAfter)

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

// Logins leave half of a core to the rest, however many there are.
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
	require.GreaterOrEqual(t, time.Since(begun), hashing)
}
