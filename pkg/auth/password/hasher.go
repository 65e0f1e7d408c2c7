package password

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/alexedwards/argon2id"

	"eventanalytics/pkg/refusal"
)

// Params are the parameters of new password hashes: argon2id with 19 MiB and
// two passes, about 50 ms of one core.
var Params = argon2id.Params{Memory: 19 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

const (
	maxHashing = 1  // takes 19 MiB and a core
	maxQueued  = 16 // three or four seconds of waiting
	// pauses is how many times as long as a hash the pause after it is.
	pauses = 3
)

// Hasher hashes passwords, one at a time and with a pause three times as long as each
// took, so that a flood of logins cannot take all the memory and cores there are.
// Logins get a quarter of a core; further ones wait or are refused.
type Hasher struct {
	params argon2id.Params
	slots  chan struct{} // taken while hashing, and by pauses
	inside atomic.Int64  // hashing or queued
	// dummy stands in for the hash of an unknown user.
	dummy string
}

// NewHasher makes a Hasher whose new hashes have the given parameters.
func NewHasher(params argon2id.Params) (*Hasher, error) {
	dummy, err := argon2id.CreateHash(rand.Text(), &params)
	if err != nil {
		return nil, fmt.Errorf("hashing a password: %w", err)
	}
	return &Hasher{params: params, slots: make(chan struct{}, maxHashing), dummy: dummy}, nil
}

// Hash returns the password's hash with its salt and parameters, in the
// reference implementation's text form.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	leave, err := h.enter(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	hash, err := argon2id.CreateHash(password, &h.params)
	if err != nil {
		return "", fmt.Errorf("hashing a password: %w", err)
	}
	return hash, nil
}

// Verify reports whether the hash is of the password, and whether it was made
// with other parameters than new hashes have, so that it should be replaced. An
// empty hash, which stands for a user who does not exist, takes the same time and
// matches nothing.
func (h *Hasher) Verify(ctx context.Context, password, hash string) (ok, outdated bool, err error) {
	leave, err := h.enter(ctx)
	if err != nil {
		return false, false, err
	}
	defer leave()
	known := hash != ""
	if !known {
		hash = h.dummy
	}
	ok, params, err := argon2id.CheckHash(password, hash)
	if err != nil {
		return false, false, fmt.Errorf("reading a password hash: %w", err)
	}
	return ok && known, *params != h.params, nil
}

// errFull says that the queue is as long as it may be.
var errFull = refusal.Later("busy", "too many logins at once; try again", time.Second, nil)

// Full returns a refusal while the queue is full, so that a user whose login would
// be refused anyway need not be looked up first.
func (h *Hasher) Full() error {
	if h.inside.Load() >= maxHashing+maxQueued {
		return errFull
	}
	return nil
}

// enter waits for a free slot, which leave gives back; when the queue is full it
// refuses.
func (h *Hasher) enter(ctx context.Context) (leave func(), err error) {
	if h.inside.Add(1) > maxHashing+maxQueued {
		h.inside.Add(-1)
		return nil, errFull
	}
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		h.inside.Add(-1)
		return nil, ctx.Err()
	}
	begun := time.Now()
	return func() {
		h.inside.Add(-1)
		time.AfterFunc(pauses*time.Since(begun), func() { <-h.slots })
	}, nil
}
