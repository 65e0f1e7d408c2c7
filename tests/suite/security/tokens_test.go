package security

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"hash"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

type claims = map[string]any

// forger makes tokens by hand, after a genuine one.
type forger struct {
	t              *testing.T
	header, claims map[string]any
	key            []byte // the services' own
}

func newForger(t *testing.T, u *user) *forger {
	t.Helper()
	key, err := hkdf.Key(sha256.New, []byte(authSecret), nil, "eventanalytics access token", 32)
	require.NoError(t, err)
	f := &forger{t: t, key: key}
	parts := strings.Split(u.header.Get("Authorization"), ".")
	require.Len(t, parts, 3)
	for i, into := range []*map[string]any{&f.header, &f.claims} {
		text, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(parts[i], "Bearer "))
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, into))
	}
	return f
}

// sign changes members of header and claims, nil removing one, and signs with
// HMAC-SHA256 and the services' key.
func (f *forger) sign(header, changed claims) string {
	return f.mac(sha256.New, f.key, header, changed)
}

func (f *forger) mac(algorithm func() hash.Hash, key []byte, header, changed claims) string {
	return f.signed(header, changed, func(text string) []byte {
		h := hmac.New(algorithm, key)
		h.Write([]byte(text))
		return h.Sum(nil)
	})
}

func (f *forger) signed(header, changed claims, sign func(text string) []byte) string {
	f.t.Helper()
	text := f.encode(f.header, header) + "." + f.encode(f.claims, changed)
	return text + "." + base64.RawURLEncoding.EncodeToString(sign(text))
}

func (f *forger) encode(members, changed map[string]any) string {
	f.t.Helper()
	all := maps.Clone(members)
	for name, value := range changed {
		if all[name] = value; value == nil {
			delete(all, name)
		}
	}
	text, err := json.Marshal(all)
	require.NoError(f.t, err)
	return base64.RawURLEncoding.EncodeToString(text)
}

func unsigned(string) []byte { return nil }

const (
	mePath     = "/api/auth/me"
	eventsPath = "/api/events"
	typesPath  = "/api/stats/event-types"
)

// everywhere has a route of each replica, and the same ones of the gateway, that
// the caller may ask if the credential is good.
func everywhere() []string {
	where := []string{gateway + mePath, gateway + eventsPath, gateway + typesPath}
	for i := range accounts {
		where = append(where, accounts[i].url+mePath, ingest[i].url+eventsPath, stats[i].url+typesPath)
	}
	return where
}

// enter asks one of those routes and returns the status, which is below 300 when
// the credential is good.
func (c *caller) enter(t *testing.T, where string) int {
	t.Helper()
	if strings.HasSuffix(where, eventsPath) {
		return c.status(t, "POST", where, event("5f0c6e1e-0000-4000-8000-000000000005", "of a good credential"))
	}
	return c.status(t, "GET", where, "")
}

// TestForgedTokens presents tokens that are wrong in one thing each to every
// replica.
func TestForgedTokens(t *testing.T) {
	t.Parallel()
	u, other := register(t, "forged"), register(t, "other")
	f, theirs := newForger(t, u), newForger(t, other)
	now := time.Now()

	for _, where := range everywhere() {
		require.Less(t, bearing("itself, signed again", f.sign(nil, nil)).enter(t, where), 300, where)
	}

	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	edPublic, edKey, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	der, err := x509.MarshalPKIXPublicKey(&rsaKey.PublicKey)
	require.NoError(t, err)
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	b64 := base64.RawURLEncoding.EncodeToString
	byRSA := func(text string) []byte {
		sum := sha256.Sum256([]byte(text))
		s, err := rsa.SignPKCS1v15(rand.Reader, rsaKey, 5, sum[:]) // crypto.SHA256
		require.NoError(t, err)
		return s
	}
	byECDSA := func(text string) []byte {
		sum := sha256.Sum256([]byte(text))
		r, s, err := ecdsa.Sign(rand.Reader, ecKey, sum[:])
		require.NoError(t, err)
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	}
	byEd := func(text string) []byte { return ed25519.Sign(edKey, []byte(text)) }

	good := strings.Split(f.sign(nil, nil), ".")
	for name, token := range map[string]string{
		"alg none":                       f.signed(claims{"alg": "none"}, nil, unsigned),
		"alg None":                       f.signed(claims{"alg": "None"}, nil, unsigned),
		"alg nOnE, signed":               f.sign(claims{"alg": "nOnE"}, nil),
		"alg empty":                      f.signed(claims{"alg": ""}, nil, unsigned),
		"no alg":                         f.sign(claims{"alg": nil}, nil),
		"no signature":                   good[0] + "." + good[1] + ".",
		"two parts":                      good[0] + "." + good[1],
		"HS256 with a public key":        f.mac(sha256.New, publicPEM, nil, nil),
		"HS256 with AUTH_SECRET":         f.mac(sha256.New, []byte(authSecret), nil, nil),
		"HS256 with no key":              f.mac(sha256.New, nil, nil, nil),
		"HS384":                          f.mac(sha512.New384, f.key, claims{"alg": "HS384"}, nil),
		"HS512":                          f.mac(sha512.New, f.key, claims{"alg": "HS512"}, nil),
		"HS512 that says HS256":          f.mac(sha512.New, f.key, nil, nil),
		"RS256":                          f.signed(claims{"alg": "RS256"}, nil, byRSA),
		"RS256 with its key":             f.signed(claims{"alg": "RS256", "jwk": claims{"kty": "RSA", "e": "AQAB", "n": b64(rsaKey.N.Bytes())}}, nil, byRSA),
		"ES256":                          f.signed(claims{"alg": "ES256"}, nil, byECDSA),
		"EdDSA with its key":             f.signed(claims{"alg": "EdDSA", "jwk": claims{"kty": "OKP", "crv": "Ed25519", "x": b64(edPublic)}}, nil, byEd),
		"EdDSA that says HS256":          f.signed(nil, nil, byEd),
		"jwk with a key of zeros":        f.mac(sha256.New, make([]byte, 32), claims{"jwk": claims{"kty": "oct", "k": b64(make([]byte, 32))}}, nil),
		"kid is a path":                  f.sign(claims{"kid": "../../../../dev/null"}, nil),
		"kid is a path to nothing":       f.mac(sha256.New, nil, claims{"kid": "../../../../dev/null"}, nil),
		"kid is SQL":                     f.sign(claims{"kid": "x' UNION SELECT 'key"}, nil),
		"kid is a URL":                   f.sign(claims{"kid": accounts[0].url}, nil),
		"kid is a list":                  f.sign(claims{"kid": []any{f.header["kid"]}}, nil),
		"no kid":                         f.sign(claims{"kid": nil}, nil),
		"jku":                            f.sign(claims{"jku": accounts[0].url}, nil),
		"x5u":                            f.sign(claims{"x5u": accounts[0].url}, nil),
		"crit":                           f.sign(claims{"crit": []string{"exp"}}, nil),
		"typ JWT":                        f.sign(claims{"typ": "JWT"}, nil),
		"no typ":                         f.sign(claims{"typ": nil}, nil),
		"no exp":                         f.sign(nil, claims{"exp": nil}),
		"exp null":                       f.sign(nil, claims{"exp": json.RawMessage("null")}),
		"exp is a text":                  f.sign(nil, claims{"exp": "2099-01-01T00:00:00Z"}),
		"exp is negative":                f.sign(nil, claims{"exp": -1}),
		"expired":                        f.sign(nil, claims{"exp": now.Add(-time.Minute).Unix()}),
		"nbf in the future":              f.sign(nil, claims{"nbf": now.Add(time.Hour).Unix()}),
		"iat in the future":              f.sign(nil, claims{"iat": now.Add(time.Hour).Unix()}),
		"other iss":                      f.sign(nil, claims{"iss": "https://example.com"}),
		"no iss":                         f.sign(nil, claims{"iss": nil}),
		"other aud":                      f.sign(nil, claims{"aud": "another-api"}),
		"no aud":                         f.sign(nil, claims{"aud": nil}),
		"aud of a longer name":           f.sign(nil, claims{"aud": "event-analytics-api.example.com"}),
		"sub of another user":            f.sign(nil, claims{"sub": theirs.claims["sub"]}),
		"sid of another user":            f.sign(nil, claims{"sid": theirs.claims["sid"]}),
		"sub 0":                          f.sign(nil, claims{"sub": "0"}),
		"sub is SQL":                     f.sign(nil, claims{"sub": "1 OR 1=1"}),
		"no sub":                         f.sign(nil, claims{"sub": nil}),
		"no sid":                         f.sign(nil, claims{"sid": nil}),
		"sid unknown":                    f.sign(nil, claims{"sid": "00000000-0000-4000-8000-000000000000"}),
		"no jti":                         f.sign(nil, claims{"jti": nil}),
		"other claims, genuine elsewise": good[0] + "." + f.encode(f.claims, claims{"sub": theirs.claims["sub"]}) + "." + good[2],
		"a refresh token":                u.refresh,
		"dots":                           strings.Repeat(".", 7000),
	} {
		c := bearing(name, token)
		for _, where := range everywhere() {
			require.Equal(t, 401, c.enter(t, where), "%s at %s", name, where)
		}
	}
	for _, where := range everywhere() {
		require.Less(t, u.enter(t, where), 300, "%s: it was not harmed", where)
	}
}

func refreshAt(t *testing.T, r replica, token string) *answer {
	t.Helper()
	return nobody.ask(t, "POST", r.url+"/api/auth/refresh", object("refresh_token", token))
}

// TestRefresh uses refresh tokens on one replica, then on the other.
func TestRefresh(t *testing.T) {
	t.Parallel()
	t.Run("use of an old one ends the login", func(t *testing.T) {
		t.Parallel()
		u := register(t, "reused")
		var second, third tokenPair
		refreshAt(t, accounts[0], u.refresh).is(t, 200).decode(t, &second)
		var again tokenPair
		refreshAt(t, accounts[1], u.refresh).is(t, 200).decode(t, &again)
		require.Equal(t, second, again, "the answer may have been lost")
		refreshAt(t, accounts[1], second.Refresh).is(t, 200).decode(t, &third)
		refreshAt(t, accounts[1], u.refresh).is(t, 401)
		for _, token := range []string{u.refresh, second.Refresh, third.Refresh} {
			for _, r := range accounts {
				refreshAt(t, r, token).is(t, 401)
			}
		}
		for _, access := range []string{second.Access, third.Access} {
			endsWithin5s(t, bearing("an access token", access).enter)
		}
		// Another login of the user stays valid.
		u.login(t, "another login").ask(t, "GET", gateway+"/api/auth/me", "").is(t, 200)
	})
	t.Run("at once", func(t *testing.T) {
		t.Parallel()
		u := register(t, "raced")
		var wg sync.WaitGroup
		answers := make([]*answer, 8)
		for i := range answers {
			wg.Go(func() {
				answers[i], _ = nobody.try(t, "POST", accounts[i%2].url+"/api/auth/refresh", object("refresh_token", u.refresh))
			})
		}
		wg.Wait()
		pairs := map[tokenPair]bool{}
		for _, a := range answers {
			require.NotNil(t, a)
			var pair tokenPair
			a.is(t, 200).decode(t, &pair)
			pairs[pair] = true
		}
		require.Len(t, pairs, 1, "all tabs get the same pair")
		for pair := range pairs {
			bearing("a tab", pair.Access).ask(t, "GET", gateway+mePath, "").is(t, 200)
			refreshAt(t, accounts[0], pair.Refresh).is(t, 200)
		}
	})
	t.Run("what is none", func(t *testing.T) {
		t.Parallel()
		u := register(t, "confused")
		key, _ := u.newKey(t, "read")
		for _, token := range []string{
			"", "x", strings.TrimPrefix(u.header.Get("Authorization"), "Bearer "), key,
			strings.ToUpper(u.refresh), u.refresh + " ", u.refresh[:len(u.refresh)-1], strings.Repeat("e", 10_000),
		} {
			require.Equal(t, 401, refreshAt(t, accounts[0], token).status, "%.80q", token)
		}
		refreshAt(t, accounts[0], u.refresh).is(t, 200)
	})
}
