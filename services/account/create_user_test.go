package account

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/platform/postgres/pgtest"
	"eventanalytics/services/account/store"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestCreateUser(t *testing.T) {
	t.Parallel()
	c := CreateUser{Username: "ann", Email: "ann@example.com", FullName: "Ann Example"}
	for _, input := range []string{"", "\n", "\r\nseven green lamps"} {
		_, err := c.User(strings.NewReader(input))
		require.ErrorContains(t, err, "no password on standard input", "%q", input)
	}
	for _, input := range []string{"seven green lamps", "seven green lamps\n", "seven green lamps\r\nmore"} {
		user, err := c.User(strings.NewReader(input))
		require.NoError(t, err)
		require.Equal(t, store.NewUser{Username: "ann", Password: "seven green lamps", Email: "ann@example.com", FullName: "Ann Example"}, user)
	}

	pool := pgtest.New(t)
	user, err := c.User(strings.NewReader("seven green lamps\n"))
	require.NoError(t, err)
	var out strings.Builder
	require.NoError(t, Create(t.Context(), pool, user, &out))
	require.Regexp(t, regexp.MustCompile(`^created user \d+ \(ann\), project \d+\n$`), out.String())
	require.ErrorContains(t, Create(t.Context(), pool, user, &out), "username: is taken")
}
