package api

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/platform/problem"
	"eventanalytics/services/account/store"
)

// FuzzCohort reads any text as a cohort, in JSON and as a list in CSV: what is refused says
// why, and what is accepted is the same when it is written and read again.
func FuzzCohort(f *testing.F) {
	for _, text := range []string{
		`{"filter": {"did": "buy", "times": ">=2", "last": "30d"}, "description": "Ü"}`, `{"users": ["42", "ü", ""]}`, `{"filter": ["cohort:a", {"not": "user.plan=pro"}]}`,
		`{"users": [], "users": ["a"]}`, `{"filter": []} x`, `{"filter": null}`, `[]`, `{"users": {"a": 1}}`, "user_id\n42\n\"a\"\"b\"\n", "\ufeffuser_id\r\na\r\n", "a,b", "\"", "0\n\"\"", "\"a\r\r\nb\"",
		`{"filter": {"any": [{"any": [{"any": [{"any": [{"any": [{"any": [{"any": [{"any": []}]}]}]}]}]}]}]}}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := readCohort(text)
		if err == nil {
			written := writtenAs(t, c)
			again, err := readCohort(written)
			require.NoError(t, err, "%s", written)
			require.Equal(t, string(written), string(writtenAs(t, again)))
		} else {
			refused(t, err)
		}
		users, err := readCSV(text)
		if err != nil {
			refused(t, err)
			return
		}
		var b strings.Builder
		b.WriteString(userColumn + "\n")
		// Not by csv.Writer: it writes a field that is empty as a line that is none. csv.Reader
		// takes a carriage return away that stands before a line's end, in quotes too.
		quote := strings.NewReplacer(`"`, `""`, "\r\n", "\r\r\n")
		for _, user := range users {
			b.WriteString(`"` + quote.Replace(user) + "\"\n")
		}
		again, err := readCSV([]byte(b.String()))
		require.NoError(t, err)
		require.Equal(t, users, again)
	})
}

// writtenAs is the body that makes a cohort.
func writtenAs(t *testing.T, c store.CohortChange) []byte {
	t.Helper()
	body := map[string]any{"description": c.Description}
	if c.Filter != nil {
		body["filter"] = c.Filter
	} else {
		body["users"] = c.Users
	}
	text, err := json.Marshal(body)
	require.NoError(t, err)
	return text
}

func refused(t *testing.T, err error) {
	t.Helper()
	var known *problem.Error
	require.True(t, errors.As(err, &known), "%v", err)
}
