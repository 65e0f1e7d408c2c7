package store

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"

	"eventanalytics/services/account/naming"
)

// knownNetworks is how many networks are remembered of a user: those of a home, an
// office, a phone and some journeys.
const knownNetworks = 8

const knownSQL = `
SELECT EXISTS (
    SELECT FROM analytics.login_networks AS n
    JOIN analytics.users AS u ON u.id = n.user_id
    WHERE u.username_key = $1 AND n.hash = $2 AND n.seen_at > $3)`

// Known reports whether there was a login to the account from the network lately. Of
// an account that does not exist it finds none.
func (s *Sessions) Known(ctx context.Context, username, network string) (known bool, err error) {
	if !naming.Possible(username) {
		return false, nil // no account has such a name
	}
	err = s.pool.QueryRow(ctx, knownSQL, naming.Key(username), s.networkHash(username, network), s.now().Add(-s.cfg.KnownAddressLifetime)).Scan(&known)
	if err != nil {
		return false, wrap("looking for a known address", err)
	}
	return known, nil
}

// The lock makes concurrent logins of one user wait for each other, so that they
// cannot delete and insert each other's rows in different orders.
const rememberSQL = `
WITH u AS (
    SELECT id FROM analytics.users WHERE id = $1 FOR NO KEY UPDATE
), gone AS (
    DELETE FROM analytics.login_networks
    WHERE user_id = (SELECT id FROM u) AND hash <> $2 AND hash NOT IN (
        SELECT hash FROM analytics.login_networks
        WHERE user_id = $1 AND hash <> $2 AND seen_at > $4
        ORDER BY seen_at DESC LIMIT $5)
)
INSERT INTO analytics.login_networks (user_id, hash, seen_at) SELECT id, $2, $3 FROM u
ON CONFLICT (user_id, hash) DO UPDATE SET seen_at = excluded.seen_at`

// remember notes that the user logged in from the network, and forgets the oldest
// ones.
func (s *Sessions) remember(ctx context.Context, user int64, username, network string) error {
	now := s.now()
	_, err := s.pool.Exec(ctx, rememberSQL, user, s.networkHash(username, network), now, now.Add(-s.cfg.KnownAddressLifetime), knownNetworks-1)
	if err != nil {
		return wrap("remembering an address", err)
	}
	return nil
}

const forgetOthersSQL = `DELETE FROM analytics.login_networks WHERE user_id = $1 AND hash <> $2`

// networkHash is the form in which a network is stored: without the key, nobody can
// tell from the database where users are, by trying all addresses, or that two are at
// the same place.
func (s *Sessions) networkHash(username, network string) []byte {
	mac := hmac.New(sha256.New, s.networkKey)
	mac.Write([]byte(naming.Key(username) + "\x00" + network)) // a network has no NUL
	return mac.Sum(nil)
}
