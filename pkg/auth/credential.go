package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"strings"
)

// Opaque credentials start with a prefix that people and secret scanners
// recognise; 256 random bits follow, in lower-case base32.
const (
	KeyPrefix     = "ea_"
	RefreshPrefix = "er_"
	SessionPrefix = "es_"  // of the cookies of browsers
	SharePrefix   = "eas_" // of links to boards, which people copy: 130 bits are enough
	InvitePrefix  = "ei_"  // of links that invite to a project

	credentialLen = len(KeyPrefix) + 52
	shareLen      = len(SharePrefix) + 26
)

var credentialEncoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// NewCredential makes an API key, refresh token or session cookie with the given prefix. Only
// its hash may be stored: with that much randomness a plain SHA-256 will do.
func NewCredential(prefix string) (credential string, hash []byte) {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails: the process crashes instead
	return encodeCredential(prefix, b[:])
}

// NewShareSecret makes the secret of a link to a board, of which only the hash may be stored.
func NewShareSecret() (secret string, hash []byte) {
	secret, _ = NewCredential(SharePrefix)
	secret = secret[:shareLen]
	return secret, HashCredential(secret)
}

// IsShareSecret reports whether s has the form of one.
func IsShareSecret(s string) bool { return len(s) == shareLen && strings.HasPrefix(s, SharePrefix) }

// DeriveCredential makes the credential that follows from an earlier one: the same
// each time, and known to nobody who lacks the key, the earlier credential or salt.
func DeriveCredential(prefix string, key []byte, earlier, salt string) (credential string, hash []byte) {
	// The earlier one's hash has a fixed length: where it ends and salt begins is
	// never in doubt.
	mac := hmac.New(sha256.New, key)
	mac.Write(HashCredential(earlier))
	mac.Write([]byte(salt))
	return encodeCredential(prefix, mac.Sum(nil))
}

func encodeCredential(prefix string, b []byte) (credential string, hash []byte) {
	credential = prefix + strings.ToLower(credentialEncoding.EncodeToString(b))
	return credential, HashCredential(credential)
}

// HashCredential returns the form in which a credential is stored.
func HashCredential(credential string) []byte {
	sum := sha256.Sum256([]byte(credential))
	return sum[:]
}

// NewKey makes an API key. One that is made in a cell names it: ea_eu1_….
func NewKey(cell Cell) (key string, hash []byte) {
	prefix := KeyPrefix
	if cell != "" {
		prefix += string(cell) + cellEnd
	}
	return NewCredential(prefix)
}

// KeyName is the part of a key made by NewKey by which people recognise it: 40 of its 256
// bits, and what is before them.
func KeyName(key string) string { return key[:len(key)-credentialLen+len(KeyPrefix)+8] }

// IsKey reports whether s has the form of an API key, of whatever cell: keys keep working in
// a cell that took over another's database.
func IsKey(s string) bool {
	rest, ok := strings.CutPrefix(s, KeyPrefix)
	if cell, secret, named := strings.Cut(rest, cellEnd); named && Cell(cell).valid() {
		rest = secret
	}
	return ok && isCredential(KeyPrefix+rest, KeyPrefix)
}

// isCredential reports whether s has the form of a credential with the prefix.
func isCredential(s, prefix string) bool {
	return len(s) == credentialLen && strings.HasPrefix(s, prefix)
}
