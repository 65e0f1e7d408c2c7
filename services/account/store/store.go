// Package store keeps users, their logins, projects, members and API keys in
// Postgres, and the rules about them. What it refuses is a *refusal.Error; it
// knows nothing of HTTP.
package store

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/auth/password"
	"eventanalytics/pkg/platform/postgres"
	"eventanalytics/pkg/refusal"
)

// Store of accounts.
type Store struct {
	pool   *pgxpool.Pool
	hasher *password.Hasher
	cell   auth.Cell
	taken  atomic.Bool // there is a user; none is ever deleted
}

// New makes a Store on a migrated database, whose API keys name the cell.
func New(pool *pgxpool.Pool, hasher *password.Hasher, cell auth.Cell) *Store {
	return &Store{pool: pool, hasher: hasher, cell: cell}
}

// wrap says what failed. While Postgres is away, the caller is asked to come back.
func wrap(doing string, err error) error {
	var refused *refusal.Error
	if err == nil || errors.As(err, &refused) {
		return err
	}
	err = fmt.Errorf("%s: %w", doing, err)
	if postgres.Unavailable(err) {
		return refusal.Later("unavailable", "accounts cannot be reached now; try again", 2*time.Second, err)
	}
	return err
}
