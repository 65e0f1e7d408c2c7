package auth

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

var fuzzNow = time.Date(2025, 8, 21, 12, 0, 0, 0, time.UTC)

func fuzzTokens(tb testing.TB) *Tokens {
	tb.Helper()
	tokens, err := NewTokens(testSecret, func() time.Time { return fuzzNow })
	require.NoError(tb, err)
	return tokens
}

// goodToken has the header and the claims of a token that is accepted.
func goodToken(tokens *Tokens) (header, claims string) {
	return fmt.Sprintf(`{"alg":"HS256","kid":%q,"typ":%q}`, tokens.kid, tokenType),
		fmt.Sprintf(`{"iss":%q,"sub":"42","aud":[%q],"exp":%d,"nbf":%d,"iat":%[4]d,"jti":"1","sid":%q}`,
			issuer, audience, fuzzNow.Add(time.Minute).Unix(), fuzzNow.Unix(), testFamily)
}

// sign makes a token with the right key.
func sign(tokens *Tokens, header, claims []byte) string {
	encode := base64.RawURLEncoding.EncodeToString
	text := encode(header) + "." + encode(claims)
	m := hmac.New(sha256.New, tokens.key)
	m.Write([]byte(text))
	return text + "." + encode(m.Sum(nil))
}

// FuzzTokenParse: without the key nobody makes a token that is accepted, from
// whichever valid one he starts.
func FuzzTokenParse(f *testing.F) {
	tokens := fuzzTokens(f)
	header, claims := goodToken(tokens)
	ours := sign(tokens, []byte(header), []byte(claims)) // the same in each process
	parts := strings.Split(ours, ".")
	for _, token := range []string{
		"", ours, ours + "=", ours + "\n", strings.Repeat(".", 100), parts[0] + "." + parts[1] + ".", parts[0] + ".." + parts[2],
		parts[0] + "." + parts[1] + "." + otherSpelling(parts[2]),
		base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"at+jwt"}`)) + "." + parts[1] + ".",
	} {
		f.Add(token)
	}
	f.Fuzz(func(t *testing.T, token string) {
		user, family, err := tokens.Parse(token)
		if token != ours {
			require.ErrorIs(t, err, ErrToken)
			return
		}
		require.NoError(t, err)
		require.EqualValues(t, 42, user)
		require.Equal(t, testFamily, family)
	})
}

// FuzzTokenClaims signs any header and claims with the right key: even then only
// a token as Issue makes it is accepted.
func FuzzTokenClaims(f *testing.F) {
	tokens := fuzzTokens(f)
	header, claims := goodToken(tokens)
	for _, seed := range [][2]string{
		{header, claims}, {"", ""}, {"{}", "{}"}, {"[]", claims}, {header, "null"},
		{strings.Replace(header, "HS256", "none", 1), claims}, {strings.Replace(header, "{", `{"jku":"https://example.com",`, 1), claims},
		{header, strings.Replace(claims, `"sub":"42"`, `"sub":"-1"`, 1)}, {header, strings.Replace(claims, "exp", "EXP", 1)},
		{header, strings.Replace(claims, `"jti":"1"`, `"jti":1e400`, 1)}, {header, strings.Replace(claims, `"aud":[`, `"aud":[null,`, 1)},
	} {
		f.Add([]byte(seed[0]), []byte(seed[1]))
	}
	for _, name := range []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "sid"} { // each is needed
		f.Add([]byte(header), []byte(strings.Replace(claims, `"`+name+`"`, `"x"`, 1)))
	}
	f.Fuzz(func(t *testing.T, header, claims []byte) {
		user, family, err := tokens.Parse(sign(tokens, header, claims))
		if err != nil {
			require.ErrorIs(t, err, ErrToken)
			return
		}
		asIssued(t, tokens, header, claims, user, family)
	})
}

// asIssued looks at an accepted token again, without the library.
func asIssued(t *testing.T, tokens *Tokens, header, claims []byte, user int64, family string) {
	t.Helper()
	var h map[string]any
	require.NoError(t, json.Unmarshal(header, &h))
	require.Equal(t, map[string]any{"alg": "HS256", "typ": tokenType, "kid": tokens.kid}, h)

	var c struct {
		Iss, Sub, Jti, Sid string
		Aud                json.RawMessage
		Exp, Nbf, Iat      *float64
	}
	require.NoError(t, json.NewDecoder(bytes.NewReader(claims)).Decode(&c))
	require.Equal(t, issuer, c.Iss)
	require.Contains(t, string(c.Aud), audience)
	require.NotEmpty(t, c.Jti)
	require.NotNil(t, c.Exp)
	require.NotNil(t, c.Nbf)
	require.NotNil(t, c.Iat)
	now, slack := float64(fuzzNow.Unix()), leeway.Seconds()
	require.Greater(t, *c.Exp+slack, now)
	require.LessOrEqual(t, *c.Nbf-slack, now+1) // dates are cut to the second
	require.LessOrEqual(t, *c.Iat-slack, now+1)
	require.Positive(t, user)
	sub, err := strconv.ParseInt(c.Sub, 10, 64)
	require.NoError(t, err)
	require.Equal(t, sub, user)
	require.Equal(t, c.Sid, family)
	require.NoError(t, uuid.Validate(family))
}
