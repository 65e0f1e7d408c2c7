package store

import (
	"fmt"
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"eventanalytics/pkg/auth/password"
	"eventanalytics/pkg/refusal"
)

// Lengths in code points.
const (
	maxUsername = 150
	maxFullName = 200
	maxName     = 200 // of a project or a key
	maxEmail    = 254 // bytes; RFC 5321
)

func (n NewUser) check() error {
	if err := checkText("username", n.Username, maxUsername); err != nil {
		return err
	}
	if UsernameKey(n.Username) == "" {
		return refusal.InvalidField("invalid-field", "username", "must have a visible character")
	}
	if err := password.Check("password", n.Password); err != nil {
		return err
	}
	if n.FullName != "" {
		if err := checkText("full_name", n.FullName, maxFullName); err != nil {
			return err
		}
	}
	if n.Email != "" {
		a, err := mail.ParseAddress(n.Email)
		if err != nil || a.Address != n.Email || len(n.Email) > maxEmail {
			return refusal.InvalidField("invalid-field", "email", "must be an e-mail address")
		}
	}
	return nil
}

// UsernameKey is the form in which user names are compared: "Ann", "ann" and "Ａnn"
// are the same.
func UsernameKey(username string) string {
	folded := cases.Fold().String(norm.NFKC.String(strings.TrimSpace(username)))
	return norm.NFKC.String(folded)
}

// checkText applies the rules for a line of text that people choose: 1 to limit
// code points, none of them a control character.
func checkText(field, s string, limit int) error {
	if !utf8.ValidString(s) {
		return refusal.InvalidField("invalid-character", field, "must be UTF-8")
	}
	if n := utf8.RuneCountInString(s); n < 1 || n > limit {
		return refusal.InvalidField("invalid-field", field, fmt.Sprintf("must have 1 to %d characters", limit))
	}
	for _, r := range s {
		// Also refused: what breaks lines, or changes the direction of the text
		// around it.
		if unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control) {
			return refusal.InvalidField("invalid-character", field, "may not hold control characters")
		}
	}
	return nil
}
