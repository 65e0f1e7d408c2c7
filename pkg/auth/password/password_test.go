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
		"spaces":                 {"        ", "blank"},
		"other spaces":           {"\u00a0\u3000\u2003\t\n \u1680", "blank"},
		"NULs":                   {strings.Repeat("\x00", 8), "blank"},
		"control characters":     {"\x01\x02\x03\x1b\x7f\u0085\u0086", "blank"},
		"nothing to see":         {"\u200b\u3164\u2800\u00ad", "blank"},
		"one letter":             {"       x", ""},
		"the user name":          {"Ann Example", "same-as-name"},
		"in another case":        {" ann EXAMPLE\t", "same-as-name"},
		"in another width":       {"ａnn example", "same-as-name"},
		"the address":            {"Ann@Example.com", "same-as-name"},
		"more than the name":     {"ann example 7", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := Check("new_password", c.password, "ann example", "ann@example.com", "")
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
