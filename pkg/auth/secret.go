package auth

import (
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
)

// Secret is the one secret the services share; keys for single uses are derived
// from it.
type Secret string

// SecretConfig is embedded in the settings of services that need the secret.
type SecretConfig struct {
	AuthSecret Secret `env:"AUTH_SECRET,required" doc:"Secret of at least 32 random bytes that signs tokens; the same in every service (AUTH_SECRET_FILE reads it from a file)"`
}

// minSecret is the least length in bytes, the output size of SHA-256.
const minSecret = 32

// Validate reports a secret that is too short.
func (s Secret) Validate() error {
	if len(s) < minSecret {
		return fmt.Errorf("AUTH_SECRET has %d bytes, at least %d are needed", len(s), minSecret)
	}
	return nil
}

// String keeps the secret out of logs.
func (s Secret) String() string { return "(secret)" }

// Key derives a 32-byte key for one purpose (HKDF-SHA256, RFC 5869).
func (s Secret) Key(purpose string) ([]byte, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	key, err := hkdf.Key(sha256.New, []byte(s), nil, "eventanalytics "+purpose, 32)
	if err != nil {
		return nil, errors.Join(errors.New("deriving a key"), err)
	}
	return key, nil
}
