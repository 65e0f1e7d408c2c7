package store

import (
	"context"
	"crypto/subtle"
	"encoding/hex"

	"github.com/jackc/pgx/v5"

	"eventanalytics/pkg/refusal"
)

const inUseSQL = `SELECT EXISTS (SELECT FROM analytics.users)`

// InUse reports whether there is a user.
func (s *Store) InUse(ctx context.Context) (bool, error) {
	if s.taken.Load() {
		return true, nil
	}
	var used bool
	if err := s.pool.QueryRow(ctx, inUseSQL).Scan(&used); err != nil {
		return false, wrap("looking for a user", err)
	}
	if used {
		s.taken.Store(true)
	}
	return used, nil
}

// SetupToken is what the first user registers with where registration is closed. All
// replicas derive the same one from their secret.
func (s *Sessions) SetupToken() string { return hex.EncodeToString(s.setupKey) }

var (
	errClosed = refusal.New(refusal.Forbidden, "registration-closed", "registration is closed; the operator makes accounts")
	errSetup  = refusal.New(refusal.Forbidden, "setup-token", "setup_token: must be the one that the account service logged when it started")
)

// The lock is held to the end of the transaction: of two first users the second finds one.
const lockFirstSQL = `SELECT pg_advisory_xact_lock(hashtext('analytics.users'), hashtext('first'))`

// CreateFirstUser is CreateUser where registration is closed: it takes the setup token,
// and refuses once there is a user.
func (s *Sessions) CreateFirstUser(ctx context.Context, n NewUser, token string) (User, error) {
	used, err := s.InUse(ctx)
	switch {
	case err != nil:
		return User{}, err
	case used:
		return User{}, errClosed
	case subtle.ConstantTimeCompare([]byte(token), []byte(s.SetupToken())) != 1:
		return User{}, errSetup
	}
	return s.createUser(ctx, n, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockFirstSQL); err != nil {
			return err
		}
		var used bool
		if err := tx.QueryRow(ctx, inUseSQL).Scan(&used); err != nil {
			return err
		}
		if used {
			return errClosed
		}
		return nil
	}, nil)
}
