package auth

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// Figures of access tokens (RFC 9068).
const (
	AccessTokenLifetime = 15 * time.Minute

	tokenType   = "at+jwt"
	issuer      = "event-analytics"
	audience    = "event-analytics-api"
	leeway      = 30 * time.Second
	maxTokenLen = 1024 // ours have about 400 bytes
)

// ErrToken is returned for an access token that is not valid, for whatever
// reason.
var ErrToken = errors.New("invalid access token")

// Tokens issues and reads access tokens: JWTs signed with HMAC-SHA256. All
// services share the key.
type Tokens struct {
	key []byte
	// kid names the key, so that a token of another secret is told at once. It is
	// only ever compared, never looked up anywhere.
	kid    string
	now    func() time.Time
	parser *jwt.Parser
}

// claims of an access token. The subject is the user's id.
type claims struct {
	jwt.RegisteredClaims
	Family string `json:"sid"` // the login it belongs to
}

// NewTokens derives the signing key from secret. now is the clock.
func NewTokens(secret Secret, now func() time.Time) (*Tokens, error) {
	key, err := secret.Key("access token")
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(key)
	return &Tokens{
		key: key,
		kid: hex.EncodeToString(sum[:4]),
		now: now,
		parser: jwt.NewParser(
			jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
			jwt.WithIssuer(issuer), jwt.WithAudience(audience),
			jwt.WithExpirationRequired(), jwt.WithNotBeforeRequired(), jwt.WithIssuedAt(),
			jwt.WithLeeway(leeway), jwt.WithTimeFunc(now), jwt.WithStrictDecoding()),
	}, nil
}

// Issue makes an access token for a user's login.
func (t *Tokens) Issue(userID int64, family string) (string, error) {
	return t.IssueAs(userID, family, uuid.NewString(), t.now())
}

// IssueAs makes the access token with the given id (jti) and time of issue: the same
// token each time.
func (t *Tokens) IssueAs(userID int64, family, id string, now time.Time) (string, error) {
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    issuer,
			Audience:  jwt.ClaimStrings{audience},
			Subject:   strconv.FormatInt(userID, 10),
			ExpiresAt: jwt.NewNumericDate(now.Add(AccessTokenLifetime)),
			NotBefore: jwt.NewNumericDate(now),
			IssuedAt:  jwt.NewNumericDate(now),
			ID:        id,
		},
		Family: family,
	})
	token.Header["typ"], token.Header["kid"] = tokenType, t.kid
	signed, err := token.SignedString(t.key)
	if err != nil {
		return "", fmt.Errorf("signing an access token: %w", err)
	}
	return signed, nil
}

// Parse checks a token and returns its user and family. Whether the family
// still lives is for the Authenticator to find out. Every error is an ErrToken.
func (t *Tokens) Parse(token string) (userID int64, family string, err error) {
	if len(token) > maxTokenLen {
		return 0, "", fmt.Errorf("%w: it has %d bytes", ErrToken, len(token))
	}
	if strings.ContainsAny(token, "\r\n") { // base64 passes over them
		return 0, "", fmt.Errorf("%w: it has line ends", ErrToken)
	}
	var c claims
	if _, err := t.parser.ParseWithClaims(token, &c, t.keyFor); err != nil {
		return 0, "", fmt.Errorf("%w: %w", ErrToken, err)
	}
	userID, err = strconv.ParseInt(c.Subject, 10, 64)
	if err != nil || userID <= 0 || c.ID == "" || c.IssuedAt == nil {
		return 0, "", fmt.Errorf("%w: sub, jti and iat are required", ErrToken)
	}
	if _, err := uuid.Parse(c.Family); err != nil {
		return 0, "", fmt.Errorf("%w: sid is no UUID", ErrToken)
	}
	return userID, c.Family, nil
}

// keyFor accepts exactly the header that Issue writes: no member that could
// point elsewhere for a key (jku, x5u, jwk) is there to be followed.
func (t *Tokens) keyFor(token *jwt.Token) (any, error) {
	h := token.Header
	if len(h) != 3 || h["typ"] != tokenType || h["kid"] != t.kid {
		return nil, errors.New("the header is not one of ours")
	}
	return t.key, nil
}
