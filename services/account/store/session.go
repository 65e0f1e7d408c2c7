package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/auth/password"
	"eventanalytics/pkg/refusal"
	"eventanalytics/services/account/naming"
)

// SessionConfig of logins.
type SessionConfig struct {
	RefreshTokenLifetime time.Duration `env:"REFRESH_TOKEN_LIFETIME" envDefault:"720h" doc:"How long an unused login remains valid"`
	RefreshGrace         time.Duration `env:"REFRESH_GRACE" envDefault:"10s" doc:"How long the same pair is the answer to a refresh token that is used again, as two tabs or a lost answer do. Later uses end the login; 0: the second use does"`
	KnownAddressLifetime time.Duration `env:"KNOWN_ADDRESS_LIFETIME" envDefault:"720h" doc:"How long after a login from an address it may still log in while others guess the password"`
}

// Validate reports what is wrong.
func (c *SessionConfig) Validate() error {
	var errs []error
	if c.RefreshTokenLifetime <= auth.AccessTokenLifetime {
		errs = append(errs, fmt.Errorf("REFRESH_TOKEN_LIFETIME is %s, not more than the %s of an access token", c.RefreshTokenLifetime, auth.AccessTokenLifetime))
	}
	if c.RefreshGrace < 0 || c.RefreshGrace > maxRefreshGrace {
		errs = append(errs, fmt.Errorf("REFRESH_GRACE is %s, not between 0s and %s", c.RefreshGrace, maxRefreshGrace))
	}
	if c.KnownAddressLifetime < 0 {
		errs = append(errs, fmt.Errorf("KNOWN_ADDRESS_LIFETIME is %s, it cannot be negative", c.KnownAddressLifetime))
	}
	return errors.Join(errs...)
}

// maxRefreshGrace bounds for how long a copied refresh token can go unnoticed.
const maxRefreshGrace = time.Minute

// Sessions are the logins of users. Each is a family: refresh tokens that replace
// one another, and the access tokens issued with them; or the cookie of a browser.
type Sessions struct {
	*Store
	cfg    SessionConfig
	tokens *auth.Tokens
	now    func() time.Time
	// refreshKey is what refresh tokens are derived with from those they replace.
	refreshKey []byte
	// networkKey is what networks are hashed with.
	networkKey []byte
	// setupKey is what the setup token is made of.
	setupKey []byte
}

// NewSessions makes Sessions over a store. now is the clock of the tokens, secret
// the one they are signed with.
func NewSessions(cfg SessionConfig, store *Store, secret auth.Secret, tokens *auth.Tokens, now func() time.Time) (*Sessions, error) {
	s := &Sessions{Store: store, cfg: cfg, tokens: tokens, now: now}
	for purpose, key := range map[string]*[]byte{"refresh token": &s.refreshKey, "login network": &s.networkKey, "setup token": &s.setupKey} {
		var err error
		if *key, err = secret.Key(purpose); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Grant is a pair of tokens.
type Grant struct {
	AccessToken  string `json:"access_token" doc:"JWT for Authorization: Bearer"`
	RefreshToken string `json:"refresh_token" doc:"For one new pair; a second use, unless it follows within seconds, ends the login"`
	TokenType    string `json:"token_type" enum:"bearer" doc:"Kind of the access token"`
	ExpiresIn    int    `json:"expires_in" doc:"Seconds the access token is valid"`
}

// ErrCredentials is returned for a user name and password that do not belong
// together. It is the same whether the user exists or not.
var ErrCredentials = refusal.New(refusal.Unauthenticated, "invalid-credentials", "user name or password is wrong")

// ErrRefresh is returned for a refresh token that is worth nothing.
var ErrRefresh = refusal.New(refusal.Unauthenticated, "invalid-refresh-token", "the refresh token is not valid, was used before or has expired; log in again")

const loginSQL = `SELECT id, password_hash, disabled FROM analytics.users WHERE username_key = $1`

// Attempt to log in.
type Attempt struct {
	Username, Password string
	Network            string // where it comes from
	Agent              string // what the client calls itself, for the list of logins
}

// Login checks a password, starts a family of tokens and remembers the network, which is
// Known from then on. It returns ErrCredentials when user and password do not match.
func (s *Sessions) Login(ctx context.Context, a Attempt) (grant Grant, err error) {
	err = s.login(ctx, a, func(user int64, passwordHash string) error {
		grant, err = s.start(ctx, user, passwordHash, a.Agent)
		return err
	})
	return grant, err
}

// login checks a password and, if it is right, starts a login.
func (s *Sessions) login(ctx context.Context, a Attempt, start starting) error {
	err := s.check(ctx, a, start)
	if errors.Is(err, errChanged) {
		err = s.check(ctx, a, start)
	}
	if errors.Is(err, errChanged) {
		return ErrCredentials
	}
	return err
}

// starting makes a login of a user if the password's hash is still the one that was
// checked, or returns errChanged.
type starting func(user int64, passwordHash string) error

// errChanged says that the password was changed, or its hash replaced, while it
// was being checked.
var errChanged = errors.New("the password changed while it was checked")

func (s *Sessions) check(ctx context.Context, a Attempt, start starting) error {
	if err := s.hasher.Full(); err != nil {
		return err
	}
	var id int64
	var hash string
	var disabled bool
	// Postgres refuses some texts; that would look like an error of ours.
	if naming.Possible(a.Username) {
		err := s.pool.QueryRow(ctx, loginSQL, naming.Key(a.Username)).Scan(&id, &hash, &disabled)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return wrap("reading a user", err)
		}
	}
	ok, outdated, err := s.hasher.Verify(ctx, a.Password, hash)
	if err != nil {
		return err
	}
	if !ok || disabled {
		return ErrCredentials
	}
	if outdated {
		if hash, err = s.rehash(ctx, id, hash, a.Password); err != nil {
			return err
		}
	}
	if err := start(id, hash); err != nil {
		return err
	}
	return s.remember(ctx, id, a.Username, a.Network)
}

const rehashSQL = `UPDATE analytics.users SET password_hash = $3 WHERE id = $1 AND password_hash = $2`

// rehash replaces a hash that was made with other parameters.
func (s *Sessions) rehash(ctx context.Context, id int64, old, password string) (string, error) {
	fresh, err := s.hasher.Hash(ctx, password)
	if err != nil {
		return "", err
	}
	if _, err := s.pool.Exec(ctx, rehashSQL, id, old, fresh); err != nil {
		return "", wrap("replacing a password hash", err)
	}
	return fresh, nil
}

// A family f without anything that could still be used at $4, of which no cookie may have
// been used last before $6.
const expiredSQL = `
NOT EXISTS (
    SELECT FROM analytics.refresh_tokens AS r WHERE r.family_id = f.id AND r.expires_at > $4)
AND NOT EXISTS (
    SELECT FROM analytics.web_sessions AS w
    WHERE w.family_id = f.id AND f.revoked_at IS NULL AND w.expires_at > $4 AND w.last_used_at > $6)`

// The share lock makes a change of the password wait until the family is there to
// be ended by it. The user's expired families are deleted along the way, so that
// nothing else has to clean up.
const startSQL = `
WITH u AS (
    SELECT id FROM analytics.users WHERE id = $1 AND password_hash = $5 FOR SHARE
), gone AS (
    DELETE FROM analytics.token_families AS f WHERE f.user_id = $1 AND ` + expiredSQL + `
), f AS (
    INSERT INTO analytics.token_families (user_id, agent) SELECT id, $7 FROM u RETURNING id
), r AS (
    INSERT INTO analytics.refresh_tokens (hash, family_id, expires_at) SELECT $2, id, $3 FROM f
)
SELECT id::text FROM f`

// start makes a family of tokens.
func (s *Sessions) start(ctx context.Context, user int64, passwordHash, agent string) (Grant, error) {
	refresh, hash := auth.NewCredential(auth.RefreshPrefix)
	now := s.now()
	var family string
	err := s.pool.QueryRow(ctx, startSQL, user, hash, now.Add(s.cfg.RefreshTokenLifetime), now, passwordHash, now.Add(-auth.SessionIdle), naming.Agent(agent)).Scan(&family)
	if errors.Is(err, pgx.ErrNoRows) {
		return Grant{}, errChanged
	}
	if err != nil {
		return Grant{}, wrap("starting a login", err)
	}
	return s.grant(user, family, refresh, issue{id: uuid.NewString(), at: now})
}

// issue is one time that a pair of tokens is made. From it the pair can be made
// again.
type issue struct {
	id string // a UUID
	at time.Time
}

func (s *Sessions) grant(user int64, family, refresh string, i issue) (Grant, error) {
	access, err := s.tokens.IssueAs(user, family, i.id, i.at)
	if err != nil {
		return Grant{}, err
	}
	// The clock of the replica that issued it may be ahead.
	left := min(auth.AccessTokenLifetime, auth.AccessTokenLifetime-s.now().Sub(i.at))
	return Grant{
		AccessToken:  access,
		RefreshToken: refresh,
		TokenType:    "bearer",
		ExpiresIn:    int(left.Round(time.Second) / time.Second),
	}, nil
}

const revokeFamilySQL = `
UPDATE analytics.token_families SET revoked_at = now() WHERE id = $1::uuid AND revoked_at IS NULL`

// Logout ends a family: its refresh tokens at once, its access tokens and its cookie
// when the services' cached look-ups expire.
func (s *Sessions) Logout(ctx context.Context, family string) error {
	if _, err := s.pool.Exec(ctx, revokeFamilySQL, family); err != nil {
		return wrap("ending a login", err)
	}
	return nil
}

const (
	passwordSQL       = `SELECT password_hash, username, coalesce(email, '') FROM analytics.users WHERE id = $1`
	changePasswordSQL = `UPDATE analytics.users SET password_hash = $3 WHERE id = $1 AND password_hash = $2`
	endOthersSQL      = `
UPDATE analytics.token_families SET revoked_at = now()
WHERE user_id = $1 AND id <> $2::uuid AND revoked_at IS NULL`
)

// ChangePassword replaces a user's password, ends all logins but the family given and
// forgets all networks but the one given: those who knew the old password may have been
// there. It returns ErrCredentials when old is wrong.
func (s *Sessions) ChangePassword(ctx context.Context, user int64, family, network, old, fresh string) error {
	var hash, username, email string
	if err := s.pool.QueryRow(ctx, passwordSQL, user).Scan(&hash, &username, &email); err != nil {
		return wrap("reading a user", err)
	}
	if err := password.Check("new_password", fresh, username, email); err != nil {
		return err
	}
	ok, _, err := s.hasher.Verify(ctx, old, hash)
	if err != nil {
		return err
	}
	if !ok {
		return ErrCredentials
	}
	freshHash, err := s.hasher.Hash(ctx, fresh)
	if err != nil {
		return err
	}
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		changed, err := tx.Exec(ctx, changePasswordSQL, user, hash, freshHash)
		if err != nil {
			return err
		}
		if changed.RowsAffected() == 0 {
			return ErrCredentials // it was changed in between, so that old is wrong
		}
		// A separate statement sees the families of logins that the first one
		// waited for.
		if _, err = tx.Exec(ctx, endOthersSQL, user, family); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, forgetOthersSQL, user, s.networkHash(username, network))
		return err
	})
	if errors.Is(err, ErrCredentials) {
		return ErrCredentials
	}
	if err != nil {
		return wrap("changing a password", err)
	}
	return nil
}
