package e2e

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// forgery changes a login's own access token. All but those that say otherwise
// are signed with the service's own key, so that nothing but what is named can be
// why they are refused.
type forgery struct {
	name  string
	forge func(t *testing.T, c *caller) string
}

var forgeries = []forgery{
	{"alg none", header("alg", "none")},
	{"alg none, no signature", func(t *testing.T, c *caller) string {
		token := header("alg", "none")(t, c)
		return token[:strings.LastIndex(token, ".")+1]
	}},
	{"no signature", func(t *testing.T, c *caller) string {
		token := c.Token()
		return token[:strings.LastIndex(token, ".")+1]
	}},
	{"other claims, the same signature", func(t *testing.T, c *caller) string {
		own, other := strings.Split(c.Token(), "."), strings.Split(claim("sub", "1")(t, c), ".")
		return own[0] + "." + other[1] + "." + own[2]
	}},
	{"HS256 with what is public", func(t *testing.T, c *caller) string {
		h, _ := readToken(t, c.Token())
		return signed(t, h, nil, c, []byte(h["kid"].(string)))
	}},
	{"kid a path", header("kid", "../../x")},
	{"jku", header("jku", "http://127.0.0.1/keys")},
	{"x5u", header("x5u", "http://127.0.0.1/cert")},
	{"typ JWT", header("typ", "JWT")},
	{"no exp", claim("exp", nil)},
	{"expired", claim("exp", time.Now().Add(-time.Minute).Unix())},
	{"nbf in the future", claim("nbf", time.Now().Add(time.Hour).Unix())},
	{"other iss", claim("iss", "another")},
	{"other aud", claim("aud", []string{"another"})},
	{"refresh token", func(_ *testing.T, c *caller) string { return c.RefreshToken }},
	{"7,000 dots", func(*testing.T, *caller) string { return strings.Repeat(".", 7000) }},
	{"no token", func(*testing.T, *caller) string { return "x" }},
}

func (f forgery) ask(t *testing.T, c *caller) {
	token := f.forge(t, c)
	forger := anonymous(t, c.URL()).With("Authorization", "Bearer "+token)
	forger.Get(t, "/api/auth/me").Is(t, 401, "unauthorized")
	forger.Get(t, dau, days...).Is(t, 401, "unauthorized")
	forger.Send(t, event(newID())).Is(t, 401, "unauthorized")
	c.Get(t, "/api/auth/me").Is(t, 200, "")
}

// header forges a token with one member of its header changed, claim one of its
// claims; nil removes it.
func header(name string, value any) func(*testing.T, *caller) string {
	return func(t *testing.T, c *caller) string { return signed(t, object{name: value}, nil, c, signingKey(t)) }
}

func claim(name string, value any) func(*testing.T, *caller) string {
	return func(t *testing.T, c *caller) string { return signed(t, nil, object{name: value}, c, signingKey(t)) }
}

func signingKey(t *testing.T) []byte {
	t.Helper()
	return derivedKey(t, "access token")
}

// derivedKey is the services' own key for a purpose.
func derivedKey(t *testing.T, purpose string) []byte {
	t.Helper()
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, "eventanalytics "+purpose, 32)
	require.NoError(t, err)
	return key
}

// signed is the caller's access token with members changed.
func signed(t *testing.T, header, claims object, c *caller, key []byte) string {
	t.Helper()
	h, p := readToken(t, c.Token())
	text := written(t, h, header) + "." + written(t, p, claims)
	m := hmac.New(sha256.New, key)
	m.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

func readToken(t *testing.T, token string) (header, claims object) {
	t.Helper()
	parts := strings.Split(token, ".")
	require.Len(t, parts, 3)
	for i, into := range []*object{&header, &claims} {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, into))
	}
	return header, claims
}

func written(t *testing.T, members, changes object) string {
	t.Helper()
	maps.Copy(members, changes)
	maps.DeleteFunc(members, func(_ string, value any) bool { return value == nil })
	text, err := json.Marshal(members)
	require.NoError(t, err)
	return base64.RawURLEncoding.EncodeToString(text)
}

// The token that the forgeries are made of is good: signing it again changes
// nothing.
func TestForgeriesStartFromAGoodToken(t *testing.T) {
	c := newUser(t, services(t).URL)
	again := signed(t, nil, nil, c, signingKey(t))
	c.With("Authorization", "Bearer "+again).Get(t, "/api/auth/me").Is(t, 200, "")
}
