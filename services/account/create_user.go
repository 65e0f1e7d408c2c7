package account

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/term"

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

// User returns the account to make. Its password is the first line of in; on a
// terminal it is asked for twice on out, without echo.
func (c CreateUser) User(ctx context.Context, in *os.File, out io.Writer) (store.NewUser, error) {
	word, err := c.readPassword(ctx, in, out)
	if err != nil {
		return store.NewUser{}, err
	}
	return store.NewUser{Username: c.Username, Password: word, Email: c.Email, FullName: c.FullName}, nil
}

func (c CreateUser) readPassword(ctx context.Context, in *os.File, out io.Writer) (string, error) {
	if !term.IsTerminal(int(in.Fd())) {
		line, err := bufio.NewReader(in).ReadString('\n')
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			return "", errors.Join(errors.New("no password on standard input"), err)
		}
		return line, nil
	}
	first, err := ask(ctx, in, out, "Password of "+c.Username+": ")
	if err != nil {
		return "", err
	}
	again, err := ask(ctx, in, out, "The same again: ")
	if err == nil && again != first {
		err = errors.New("the two passwords differ")
	}
	return first, err
}

// ask reads a line that the terminal does not show. When ctx ends, the terminal is
// left as it was.
func ask(ctx context.Context, in *os.File, out io.Writer, prompt string) (string, error) {
	before, err := term.GetState(int(in.Fd()))
	if err != nil {
		return "", fmt.Errorf("reading the password: %w", err)
	}
	type answer struct {
		line []byte
		err  error
	}
	answers := make(chan answer, 1)
	_, _ = fmt.Fprint(out, prompt)
	go func() {
		line, err := term.ReadPassword(int(in.Fd()))
		answers <- answer{line, err}
	}()
	select {
	case a := <-answers:
		_, _ = fmt.Fprintln(out)
		switch {
		case a.err != nil:
			return "", fmt.Errorf("reading the password: %w", a.err)
		case len(a.line) == 0:
			return "", errors.New("the password is empty")
		}
		return string(a.line), nil
	case <-ctx.Done():
		return "", errors.Join(ctx.Err(), term.Restore(int(in.Fd()), before))
	}
}

// Create makes an account and says so to out.
func Create(ctx context.Context, pool *pgxpool.Pool, user store.NewUser, out io.Writer) error {
	hasher, err := password.NewHasher(password.Params)
	if err != nil {
		return err
	}
	made, err := store.New(pool, hasher, "").CreateUser(ctx, user)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "created user %d (%s), project %d\n", made.ID, made.Username, made.ProjectID)
	return err
}
