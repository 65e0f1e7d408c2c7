package store

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"eventanalytics/pkg/auth"
)

// The row lock makes concurrent uses wait for each other: the second sees the
// first.
const refreshTokenSQL = `
SELECT r.family_id::text, f.user_id, r.expires_at > $2, r.used_at, r.issue_id::text,
       f.revoked_at IS NULL AND f.created_at >= u.tokens_valid_from AND NOT u.disabled
FROM analytics.refresh_tokens AS r
JOIN analytics.token_families AS f ON f.id = r.family_id
JOIN analytics.users AS u ON u.id = f.user_id
WHERE r.hash = $1
FOR UPDATE OF r`

// refreshToken is what is known of one that was presented.
type refreshToken struct {
	family     string
	user       int64
	unexpired  bool
	usedAt     *time.Time // nil while it is unused
	issueID    *string    // of the pair it was exchanged for
	familyLive bool
}

// Refresh exchanges a refresh token for a new pair. Within the grace period another
// use of it is answered with the same pair, if that pair's refresh token is unused: a
// client with two tabs, or one that missed the answer, is no thief. Any other second
// use means that the token was stolen, from the client or by it, and ends the family.
// Refresh returns ErrRefresh for every token that is worth nothing.
func (s *Sessions) Refresh(ctx context.Context, token string) (Grant, error) {
	var old refreshToken
	var refresh string
	var pair *issue // nil when there is none to give
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		now := s.now()
		err := tx.QueryRow(ctx, refreshTokenSQL, auth.HashCredential(token), now).
			Scan(&old.family, &old.user, &old.unexpired, &old.usedAt, &old.issueID, &old.familyLive)
		if err != nil {
			return err
		}
		switch {
		case old.usedAt != nil:
			refresh, pair, err = s.repeat(ctx, tx, token, old, now)
		case old.familyLive && old.unexpired:
			refresh, pair, err = s.rotate(ctx, tx, token, old.family, now)
		}
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) || (err == nil && pair == nil) {
		return Grant{}, ErrRefresh
	}
	if err != nil {
		return Grant{}, wrap("refreshing a login", err)
	}
	return s.grant(old.user, old.family, refresh, *pair)
}

const rotateSQL = `
WITH used AS (
    UPDATE analytics.refresh_tokens SET used_at = $3, issue_id = $6::uuid WHERE hash = $1
), gone AS (
    DELETE FROM analytics.refresh_tokens WHERE family_id = $2::uuid AND expires_at <= $3
)
INSERT INTO analytics.refresh_tokens (hash, family_id, expires_at) VALUES ($4, $2::uuid, $5)`

// rotate puts another token in the place of an unused one.
func (s *Sessions) rotate(ctx context.Context, tx pgx.Tx, token, family string, now time.Time) (string, *issue, error) {
	pair := &issue{id: uuid.NewString(), at: now}
	refresh, hash := s.successor(token, pair.id)
	_, err := tx.Exec(ctx, rotateSQL, auth.HashCredential(token), family, now, hash, now.Add(s.cfg.RefreshTokenLifetime), pair.id)
	return refresh, pair, err
}

// successor is the refresh token that replaces another. It is derived, because only
// its hash is stored and it may have to be given twice.
func (s *Sessions) successor(token, issueID string) (refresh string, hash []byte) {
	return auth.DeriveCredential(auth.RefreshPrefix, s.refreshKey, token, issueID)
}

const unusedSQL = `SELECT EXISTS (SELECT FROM analytics.refresh_tokens WHERE hash = $1 AND used_at IS NULL)`

// repeat gives the pair that a used token was exchanged for, or ends the family.
func (s *Sessions) repeat(ctx context.Context, tx pgx.Tx, token string, old refreshToken, now time.Time) (string, *issue, error) {
	// A replica without the grace period leaves no issue.
	if old.familyLive && old.issueID != nil && now.Sub(*old.usedAt) < s.cfg.RefreshGrace {
		refresh, hash := s.successor(token, *old.issueID)
		var unused bool
		if err := tx.QueryRow(ctx, unusedSQL, hash).Scan(&unused); err != nil {
			return "", nil, err
		}
		if unused {
			return refresh, &issue{id: *old.issueID, at: *old.usedAt}, nil
		}
	}
	_, err := tx.Exec(ctx, revokeFamilySQL, old.family)
	return "", nil, err
}
