package store

import (
	"net/mail"

	"eventanalytics/pkg/auth/password"
	"eventanalytics/pkg/refusal"
	"eventanalytics/services/account/naming"
)

// Lengths in code points.
const (
	maxFullName = 200
	maxName     = 200 // of a project or a key
	maxEmail    = 254 // bytes; RFC 5321
)

func (n NewUser) check() error {
	if err := naming.Username(n.Username); err != nil {
		return err
	}
	if err := password.Check("password", n.Password, n.Username, n.Email); err != nil {
		return err
	}
	if n.FullName != "" {
		if err := naming.Text("full_name", n.FullName, maxFullName); err != nil {
			return err
		}
	}
	if n.Email != "" {
		a, err := mail.ParseAddress(n.Email)
		if err != nil || a.Address != n.Email || len(n.Email) > maxEmail {
			return refusal.InvalidField("invalid-field", "email", "must be an e-mail address")
		}
		return naming.Text("email", n.Email, maxEmail)
	}
	return nil
}
