package account

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"eventanalytics/pkg/platform/postgres/pgtest"
	"eventanalytics/services/account/store"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func file(t *testing.T, content string) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "input")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	f, err := os.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestCreateUser(t *testing.T) {
	t.Parallel()
	c := CreateUser{Username: "ann", Email: "ann@example.com", FullName: "Ann Example"}
	for _, input := range []string{"", "\n", "\r\nseven green lamps"} {
		_, err := c.User(t.Context(), file(t, input), io.Discard)
		require.ErrorContains(t, err, "no password on standard input", "%q", input)
	}
	for _, input := range []string{"seven green lamps", "seven green lamps\n", "seven green lamps\r\nmore"} {
		user, err := c.User(t.Context(), file(t, input), io.Discard)
		require.NoError(t, err)
		require.Equal(t, store.NewUser{Username: "ann", Password: "seven green lamps", Email: "ann@example.com", FullName: "Ann Example"}, user)
	}

	pool := pgtest.New(t)
	user, err := c.User(t.Context(), file(t, "seven green lamps\n"), io.Discard)
	require.NoError(t, err)
	var out strings.Builder
	require.NoError(t, Create(t.Context(), pool, user, &out))
	require.Regexp(t, regexp.MustCompile(`^created user \d+ \(ann\), project \d+\n$`), out.String())
	require.ErrorContains(t, Create(t.Context(), pool, user, &out), "username: is taken")
}

// On a terminal the password is asked for twice and not shown.
func TestCreateUserAsksOnATerminal(t *testing.T) {
	t.Parallel()
	const prompt, again = "Password of ann: ", "The same again: "
	c := CreateUser{Username: "ann"}
	for name, tc := range map[string]struct{ first, second, wrong string }{
		"the same":  {"seven green lamps", "seven green lamps", ""},
		"different": {"seven green lamps", "eight green lamps", "differ"},
		"empty":     {"", "", "empty"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			person, terminal := openTerminal(t)
			done := make(chan struct{})
			var user store.NewUser
			var err error
			go func() {
				defer close(done)
				user, err = c.User(t.Context(), terminal, terminal)
			}()
			shown := await(t, person, prompt)
			answer(t, person, terminal, tc.first)
			if tc.first != "" {
				shown += await(t, person, again)
				answer(t, person, terminal, tc.second)
			}
			<-done
			require.NotContains(t, shown, "lamps")
			if tc.wrong != "" {
				require.ErrorContains(t, err, tc.wrong)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.first, user.Password)
		})
	}
	t.Run("interrupted", func(t *testing.T) {
		t.Parallel()
		// Not closed: the read that was given up still uses its number.
		person, terminal, err := pty.Open()
		require.NoError(t, err)
		before, err := term.GetState(int(terminal.Fd()))
		require.NoError(t, err)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			_, err := c.User(ctx, terminal, terminal)
			done <- err
		}()
		await(t, person, prompt)
		awaitNoEcho(t, terminal)
		stop()
		require.ErrorIs(t, <-done, context.Canceled)
		after, err := term.GetState(int(terminal.Fd()))
		require.NoError(t, err)
		require.Equal(t, before, after)
		_, err = person.WriteString("\n") // ends the read
		require.NoError(t, err)
	})
}

func openTerminal(t *testing.T) (person, terminal *os.File) {
	t.Helper()
	person, terminal, err := pty.Open()
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = person.Close()
		_ = terminal.Close()
	})
	return person, terminal
}

// await reads what the terminal shows up to text.
func await(t *testing.T, person *os.File, text string) string {
	t.Helper()
	var shown strings.Builder
	for b := make([]byte, 1); !strings.HasSuffix(shown.String(), text); {
		_, err := person.Read(b)
		require.NoError(t, err)
		shown.Write(b)
	}
	return shown.String()
}

// answer types a line once it would not be shown.
func answer(t *testing.T, person, terminal *os.File, line string) {
	t.Helper()
	awaitNoEcho(t, terminal)
	_, err := person.WriteString(line + "\n")
	require.NoError(t, err)
}

func awaitNoEcho(t *testing.T, terminal *os.File) {
	t.Helper()
	require.Eventually(t, func() bool {
		modes, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
		return err == nil && modes.Lflag&unix.ECHO == 0
	}, 10*time.Second, time.Millisecond)
}
