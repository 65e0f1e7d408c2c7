package account

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"eventanalytics/pkg/auth/password"
	"eventanalytics/services/account/store"
)

// CreateUser has the arguments of the command that makes an account, here and in
// the standalone. It works whether or not a service is running.
type CreateUser struct {
	Username string `arg:"" help:"Name of the account."`
	Email    string `help:"E-mail address."`
	FullName string `help:"Name of the person."`
}

// User returns the account to make. Its password is the first line of in.
func (c CreateUser) User(in io.Reader) (store.NewUser, error) {
	line, err := bufio.NewReader(in).ReadString('\n')
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return store.NewUser{}, errors.Join(errors.New("no password on standard input"), err)
	}
	return store.NewUser{Username: c.Username, Password: line, Email: c.Email, FullName: c.FullName}, nil
}

// Create makes an account and says so to out.
func Create(ctx context.Context, pool *pgxpool.Pool, user store.NewUser, out io.Writer) error {
	hasher, err := password.NewHasher(password.Params)
	if err != nil {
		return err
	}
	made, err := store.New(pool, hasher).CreateUser(ctx, user)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "created user %d (%s), project %d\n", made.ID, made.Username, made.ProjectID)
	return err
}
