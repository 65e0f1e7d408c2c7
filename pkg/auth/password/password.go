// Package password has the rules for passwords and hashes them. It is apart from
// pkg/auth so that services that only check tokens and keys do not link argon2.
package password

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"eventanalytics/pkg/refusal"
	"eventanalytics/pkg/visible"
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

// Check applies the rules for a new password: 8 to 256 bytes, something to see in it,
// not among the commonest and none of the user's names, in any case. The refusal it
// returns names field.
func Check(field, password string, names ...string) error {
	if len(password) < MinLength || len(password) > MaxLength {
		return refusal.InvalidField("invalid-field", field, fmt.Sprintf("must have %d to %d bytes", MinLength, MaxLength))
	}
	if _, ok := commonest()[strings.ToLower(password)]; ok {
		return refusal.InvalidField("too-common", field, "is among the commonest passwords")
	}
	if !strings.ContainsFunc(password, visible.Rune) {
		return refusal.InvalidField("blank", field, "may not consist of spaces and control characters only")
	}
	if own := fold(password); slices.ContainsFunc(names, func(name string) bool { return fold(name) == own }) {
		return refusal.InvalidField("same-as-name", field, "must differ from the user name and the e-mail address")
	}
	return nil
}

// fold makes texts equal that differ in case, width or the space around them.
func fold(s string) string {
	return cases.Fold().String(norm.NFKC.String(strings.TrimSpace(s)))
}
