package auth

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

const (
	testSecret = Secret("0123456789abcdef0123456789abcdef")
	testFamily = "6f1c1a52-6a0e-4c0e-9a55-3d5d1a1f0b5e"
)

func TestTokensRoundTrip(t *testing.T) {
	t.Parallel()
	now := time.Date(2025, 8, 21, 12, 0, 0, 0, time.UTC)
	tokens, err := NewTokens(testSecret, func() time.Time { return now })
	require.NoError(t, err)
	token, err := tokens.Issue(42, testFamily)
	require.NoError(t, err)
	require.Less(t, len(token), maxTokenLen)

	user, family, err := tokens.Parse(token)
	require.NoError(t, err)
	require.Equal(t, int64(42), user)
	require.Equal(t, testFamily, family)

	now = now.Add(AccessTokenLifetime + leeway - time.Second)
	_, _, err = tokens.Parse(token)
	require.NoError(t, err, "the clocks of replicas may differ a little")
	now = now.Add(time.Second)
	_, _, err = tokens.Parse(token)
	require.ErrorIs(t, err, ErrToken)

	_, err = NewTokens("short", time.Now)
	require.ErrorContains(t, err, "at least 32")
}

// TestTokenAttacks signs with the right key wherever it can, so that only the
// one thing that is named can be why the token is refused.
func TestTokenAttacks(t *testing.T) {
	t.Parallel()
	now := time.Date(2025, 8, 21, 12, 0, 0, 0, time.UTC)
	tokens, err := NewTokens(testSecret, func() time.Time { return now })
	require.NoError(t, err)

	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	public, err := x509.MarshalPKIXPublicKey(&rsaKey.PublicKey)
	require.NoError(t, err)
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})

	header := map[string]any{"alg": "HS256", "typ": tokenType, "kid": tokens.kid}
	claims := jwt.MapClaims{
		"iss": issuer, "aud": []string{audience}, "sub": "42", "sid": testFamily, "jti": "1",
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Minute).Unix(),
	}
	// made returns a token with the members of h and c changed; nil removes one.
	made := func(method jwt.SigningMethod, key any, h, c map[string]any) string {
		token := &jwt.Token{Method: method, Header: maps.Clone(header), Claims: maps.Clone(claims)}
		change := func(into, from map[string]any) {
			for name, value := range from {
				if value == nil {
					delete(into, name)
				} else {
					into[name] = value
				}
			}
		}
		change(token.Header, h)
		change(token.Claims.(jwt.MapClaims), c)
		signed, err := token.SignedString(key)
		require.NoError(t, err)
		return signed
	}
	ours := func(h, c map[string]any) string { return made(jwt.SigningMethodHS256, tokens.key, h, c) }

	_, _, err = tokens.Parse(ours(nil, nil))
	require.NoError(t, err, "the token is good as long as nothing is changed")

	signed := strings.Split(ours(nil, nil), ".")
	encode := func(v any) string {
		b, err := json.Marshal(v)
		require.NoError(t, err)
		return base64.RawURLEncoding.EncodeToString(b)
	}
	other := maps.Clone(claims)
	other["sub"] = "1"
	refresh, _ := NewCredential(RefreshPrefix)

	for name, token := range map[string]string{
		"empty":                    "",
		"alg none":                 made(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, map[string]any{"alg": "none"}, nil),
		"alg None, no signature":   encode(map[string]any{"alg": "None", "typ": tokenType, "kid": tokens.kid}) + "." + signed[1] + ".",
		"no signature":             signed[0] + "." + signed[1] + ".",
		"HS256 with a public key":  made(jwt.SigningMethodHS256, publicPEM, nil, nil),
		"RS256":                    made(jwt.SigningMethodRS256, rsaKey, map[string]any{"alg": "RS256"}, nil),
		"HS512 with our key":       made(jwt.SigningMethodHS512, tokens.key, map[string]any{"alg": "HS512"}, nil),
		"HS256 with the secret":    made(jwt.SigningMethodHS256, []byte(testSecret), nil, nil),
		"HS256 with an empty key":  made(jwt.SigningMethodHS256, []byte{}, nil, nil),
		"kid is a path":            ours(map[string]any{"kid": "../../x"}, nil),
		"kid is SQL":               ours(map[string]any{"kid": "' OR 1=1--"}, nil),
		"no kid":                   ours(map[string]any{"kid": nil}, nil),
		"jku":                      ours(map[string]any{"jku": "https://example.com/keys"}, nil),
		"x5u":                      ours(map[string]any{"x5u": "https://example.com/cert"}, nil),
		"jwk":                      ours(map[string]any{"jwk": map[string]any{"kty": "oct", "k": "AAAA"}}, nil),
		"crit":                     ours(map[string]any{"crit": []string{"exp"}}, nil),
		"typ JWT":                  ours(map[string]any{"typ": "JWT"}, nil),
		"no typ":                   ours(map[string]any{"typ": nil}, nil),
		"no exp":                   ours(nil, map[string]any{"exp": nil}),
		"expired":                  ours(nil, map[string]any{"exp": now.Add(-time.Minute).Unix()}),
		"exp is a string":          ours(nil, map[string]any{"exp": "2099-01-01"}),
		"nbf in the future":        ours(nil, map[string]any{"nbf": now.Add(time.Minute).Unix()}),
		"no nbf":                   ours(nil, map[string]any{"nbf": nil}),
		"iat in the future":        ours(nil, map[string]any{"iat": now.Add(time.Minute).Unix()}),
		"no iat":                   ours(nil, map[string]any{"iat": nil}),
		"other iss":                ours(nil, map[string]any{"iss": "someone-else"}),
		"no iss":                   ours(nil, map[string]any{"iss": nil}),
		"other aud":                ours(nil, map[string]any{"aud": []string{"another-api"}}),
		"no aud":                   ours(nil, map[string]any{"aud": nil}),
		"no sub":                   ours(nil, map[string]any{"sub": nil}),
		"sub 0":                    ours(nil, map[string]any{"sub": "0"}),
		"sub is a name":            ours(nil, map[string]any{"sub": "ann"}),
		"no jti":                   ours(nil, map[string]any{"jti": nil}),
		"no sid":                   ours(nil, map[string]any{"sid": nil}),
		"sid is no UUID":           ours(nil, map[string]any{"sid": "x' OR '1'='1"}),
		"changed claims":           signed[0] + "." + encode(other) + "." + signed[2],
		"padded":                   strings.Join(signed, ".") + "=",
		"not the only spelling":    signed[0] + "." + signed[1] + "." + otherSpelling(signed[2]),
		"a refresh token":          refresh,
		"10,000 dots":              strings.Repeat(".", 10_000),
		"a few dots":               "....",
		"garbage":                  "a.b.c",
		"header is no JSON object": encode([]int{1}) + "." + signed[1] + "." + signed[2],
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := tokens.Parse(token)
			require.ErrorIs(t, err, ErrToken)
		})
	}
}

// otherSpelling changes bits of the last base64 character that carry no data.
func otherSpelling(signature string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, signature[len(signature)-1])
	return signature[:len(signature)-1] + string(alphabet[last^1])
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	key, hash := NewCredential(KeyPrefix)
	require.True(t, isCredential(key, KeyPrefix))
	require.Regexp(t, `^ea_[a-z2-7]{52}$`, key)
	require.Equal(t, HashCredential(key), hash)
	other, _ := NewCredential(KeyPrefix)
	require.NotEqual(t, key, other)
	require.False(t, isCredential(key, RefreshPrefix))
	require.False(t, isCredential(key+"x", KeyPrefix))
}
