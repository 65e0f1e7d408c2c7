// Package account keeps users, their logins, projects, members and API keys in
// Postgres. What it refuses it returns as a *refusal.Error.
package account

import (
	"fmt"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgxpool"

	"eventanalytics/pkg/auth/password"
	"eventanalytics/pkg/platform/postgres"
	"eventanalytics/pkg/refusal"
)

// Store of accounts.
type Store struct {
	pool   *pgxpool.Pool
	hasher *password.Hasher
}

// NewStore makes a Store on a migrated database.
func NewStore(pool *pgxpool.Pool, hasher *password.Hasher) *Store {
	return &Store{pool: pool, hasher: hasher}
}

// wrap says what failed. While Postgres is away, the caller is asked to come back.
func wrap(doing string, err error) error {
	err = fmt.Errorf("%s: %w", doing, err)
	if postgres.Unavailable(err) {
		return refusal.Later("unavailable", "accounts cannot be reached now; try again", 2*time.Second, err)
	}
	return err
}

// checkText applies the rules for a line of text that people choose: 1 to limit
// code points, none of them a control character.
func checkText(field, s string, limit int) error {
	if !utf8.ValidString(s) {
		return refusal.InvalidField("invalid-character", field, "must be UTF-8")
	}
	if n := utf8.RuneCountInString(s); n < 1 || n > limit {
		return refusal.InvalidField("invalid-field", field, fmt.Sprintf("must have 1 to %d characters", limit))
	}
	for _, r := range s {
		// Also refused: what breaks lines, or changes the direction of the text
		// around it.
		if unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control) {
			return refusal.InvalidField("invalid-character", field, "may not hold control characters")
		}
	}
	return nil
}
