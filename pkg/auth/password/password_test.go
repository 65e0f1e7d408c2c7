package password

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/refusal"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ password, code string }{
		"7 bytes":                {"abcdefg", "invalid-field"},
		"8 bytes":                {"vlqmzrtk", ""},
		"4 characters, 12 bytes": {"日本語字", ""},
		"256 bytes":              {strings.Repeat("x", 256), ""},
		"257 bytes":              {strings.Repeat("x", 257), "invalid-field"},
		"empty":                  {"", "invalid-field"},
		"common":                 {"password123", "too-common"},
		"common in capitals":     {"QWERTYUIOP", "too-common"},
		"digits":                 {"12345678", "too-common"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := Check("new_password", c.password)
			if c.code == "" {
				require.NoError(t, err)
				return
			}
			var r *refusal.Error
			require.ErrorAs(t, err, &r)
			require.Equal(t, refusal.Invalid, r.Kind)
			require.Equal(t, c.code, r.Code)
			require.Equal(t, "new_password", r.Field)
		})
	}
}

func TestCommonPasswordsCanBeMatched(t *testing.T) {
	t.Parallel()
	require.Greater(t, len(commonest()), 500)
	for p := range commonest() {
		require.Equal(t, strings.ToLower(p), p)
		require.GreaterOrEqual(t, len(p), MinLength, p)
	}
}
