// Package password has the rules for passwords and hashes them. It is apart from
// pkg/auth so that services that only check tokens and keys do not link argon2.
package password

import (
	_ "embed"
	"fmt"
	"strings"
	"sync"

	"eventanalytics/pkg/refusal"
)

// Length of a password in bytes.
const (
	MinLength = 8
	MaxLength = 256
)

//go:embed common.txt
var commonPasswords string

var commonest = sync.OnceValue(func() map[string]struct{} {
	set := map[string]struct{}{}
	for p := range strings.FieldsSeq(commonPasswords) {
		set[p] = struct{}{}
	}
	return set
})

// Check applies the rules for a new password: 8 to 256 bytes, and not among the
// commonest in any case. The refusal it returns names field.
func Check(field, password string) error {
	if len(password) < MinLength || len(password) > MaxLength {
		return refusal.InvalidField("invalid-field", field, fmt.Sprintf("must have %d to %d bytes", MinLength, MaxLength))
	}
	if _, ok := commonest()[strings.ToLower(password)]; ok {
		return refusal.InvalidField("too-common", field, "is among the commonest passwords")
	}
	return nil
}
