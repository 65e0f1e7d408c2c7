// Package auth is identity: it tells who is asking and what they may do, from
// access tokens, API keys and the cookies of browsers. It reads what the account
// service writes, and itself only notes when a key or cookie was last used. It knows
// nothing of HTTP; package authhttp, in its folder http, is the middleware that the
// services share.
package auth

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/sony/gobreaker/v2"

	"eventanalytics/pkg/refusal"
)

// Config of the Authenticator.
type Config struct {
	SecretConfig
	CacheFor  time.Duration `env:"AUTH_CACHE_FOR" envDefault:"5s" doc:"How long cached keys, memberships and logins are trusted. A revoked one stops working within this time"`
	HonourFor time.Duration `env:"AUTH_HONOUR_FOR" envDefault:"15m" doc:"How long keys, memberships and logins seen before are accepted while Postgres is down"`
}

// Validate reports everything that is wrong.
func (c *Config) Validate() error {
	err := c.AuthSecret.Validate()
	if c.CacheFor < 0 {
		err = errors.Join(err, fmt.Errorf("AUTH_CACHE_FOR is %s, it cannot be negative", c.CacheFor))
	}
	if c.HonourFor < c.CacheFor {
		err = errors.Join(err, fmt.Errorf("AUTH_HONOUR_FOR is %s, less than AUTH_CACHE_FOR (%s)", c.HonourFor, c.CacheFor))
	}
	return err
}

// Authenticator finds the caller behind a credential.
type Authenticator struct {
	cfg      Config
	pool     *pgxpool.Pool
	tokens   *Tokens
	now      func() time.Time
	breaker  *gobreaker.CircuitBreaker[any]
	honoured prometheus.Counter

	keys     *lookup[apiKey]
	sessions *lookup[session]
	cookies  *lookup[webSession]
	members  *lookup[membership]
	uses     *uses
}

// NewAuthenticator makes an Authenticator. now is the clock by which its cache
// ages.
func NewAuthenticator(cfg Config, pool *pgxpool.Pool, tokens *Tokens, registry prometheus.Registerer, now func() time.Time) *Authenticator {
	a := &Authenticator{
		cfg: cfg, pool: pool, tokens: tokens, now: now,
		breaker: newBreaker(),
		uses:    newUses(),
		honoured: promauto.With(registry).NewCounter(prometheus.CounterOpts{
			Name: "analytics_auth_honoured_total",
			Help: "Look-ups answered from memory beyond its time because Postgres was away.",
		}),
	}
	a.keys = newLookup(a, a.readKey)
	a.sessions = newLookup(a, a.readSession)
	a.cookies = newLookup(a, a.readWebSession)
	a.members = newLookup(a, a.readMember)
	return a
}

// Credential is what a request says of its caller.
type Credential struct {
	Value   string // access token, API key or the value of the session cookie
	OnlyKey bool   // Value was given as an API key: a token in its place is refused
	Cookie  bool   // Value was given as the session cookie: nothing else in its place counts
	Project int64  // the project to act on; 0 for the default
}

// Authenticate returns the caller behind c, who has the given scope. It refuses
// every other caller with a *refusal.Error.
func (a *Authenticator) Authenticate(ctx context.Context, c Credential, scope Scope) (Principal, error) {
	var p Principal
	var err error
	switch {
	case c.Cookie:
		p, err = a.byCookie(ctx, c, scope)
	case c.OnlyKey || IsKey(c.Value):
		p, err = a.byKey(ctx, c)
	default:
		p, err = a.byToken(ctx, c, scope)
	}
	if err != nil {
		return Principal{}, orLater(err)
	}
	if !p.Has(scope) {
		return Principal{}, refusal.New(refusal.Forbidden, "insufficient-scope", forbidden(p, scope))
	}
	return p, nil
}

// Key returns the caller behind an API key of any scope. It refuses every other caller
// with a *refusal.Error.
func (a *Authenticator) Key(ctx context.Context, key string) (Principal, error) {
	p, err := a.byKey(ctx, Credential{Value: key, OnlyKey: true})
	if err != nil {
		return Principal{}, orLater(err)
	}
	return p, nil
}

// orLater refuses for now whom Postgres is needed for and away.
func orLater(err error) error {
	if errors.Is(err, errAway) {
		return refusal.Later("unavailable", "who is calling cannot be checked now; try again", 2*time.Second, err)
	}
	return err
}

func forbidden(p Principal, scope Scope) string {
	switch {
	case p.KeyID != 0 && scope == ScopeAccount:
		return "an API key cannot do this; log in as a user"
	case p.KeyID != 0:
		return fmt.Sprintf("the API key has scope %q, this needs %q", p.KeyScope, scope)
	}
	return fmt.Sprintf("a project's %s cannot do this", p.Role)
}

func (a *Authenticator) byKey(ctx context.Context, c Credential) (Principal, error) {
	if !IsKey(c.Value) {
		return Principal{}, Unauthorized("the API key is not valid")
	}
	k, err := a.keys.get(ctx, string(HashCredential(c.Value)))
	if errors.Is(err, errNotFound) {
		return Principal{}, Unauthorized("the API key is not valid or was revoked")
	}
	if err != nil {
		return Principal{}, err
	}
	if c.Project != 0 && c.Project != k.project {
		return Principal{}, errProject
	}
	if a.uses.due(k.used, a.now()) {
		a.uses.noteKey(k.id)
	}
	return Principal{KeyID: k.id, ProjectID: k.project, KeyScope: k.scope, Origins: k.origins, WeekStart: k.weekStart}, nil
}

func (a *Authenticator) byToken(ctx context.Context, c Credential, scope Scope) (Principal, error) {
	user, family, err := a.tokens.Parse(c.Value)
	if err != nil {
		return Principal{}, Unauthorized("the access token is not valid or has expired")
	}
	s, err := a.sessions.get(ctx, strconv.FormatInt(user, 10)+"/"+family)
	if errors.Is(err, errNotFound) {
		return Principal{}, errEnded
	}
	if err != nil {
		return Principal{}, err
	}
	return a.asMember(ctx, Principal{UserID: user, Family: family, ProjectID: s.home}, c, scope)
}

var errEnded = Unauthorized("the login was ended; log in again")

func (a *Authenticator) byCookie(ctx context.Context, c Credential, scope Scope) (Principal, error) {
	if !isCredential(c.Value, SessionPrefix) {
		return Principal{}, errEnded
	}
	hash := HashCredential(c.Value)
	s, err := a.cookies.get(ctx, string(hash))
	if errors.Is(err, errNotFound) {
		return Principal{}, errEnded
	}
	if err != nil {
		return Principal{}, err
	}
	now := a.now()
	if s.over(now) { // since it was read
		return Principal{}, errEnded
	}
	if a.uses.due(s.used, now) {
		a.uses.noteSession(hash)
	}
	return a.asMember(ctx, Principal{UserID: s.user, Family: s.family, ProjectID: s.home}, c, scope)
}

// asMember completes a user, whose own project is set, by the role in the project that
// the request acts on.
func (a *Authenticator) asMember(ctx context.Context, p Principal, c Credential, scope Scope) (Principal, error) {
	if c.Project != 0 {
		p.ProjectID = c.Project
	} else if scope == ScopeAccount {
		return p, nil
	}
	m, err := a.members.get(ctx, strconv.FormatInt(p.ProjectID, 10)+"/"+strconv.FormatInt(p.UserID, 10))
	if errors.Is(err, errNotFound) {
		return Principal{}, errProject
	}
	p.Role, p.WeekStart = m.role, m.weekStart
	return p, err
}

// errProject does not say whether the project exists.
var errProject = refusal.New(refusal.NotFound, "not-found", "there is no such project among yours")

// Unauthorized refuses a caller whose credentials are missing or worth nothing.
func Unauthorized(detail string) error {
	return refusal.New(refusal.Unauthenticated, "unauthorized", detail)
}
