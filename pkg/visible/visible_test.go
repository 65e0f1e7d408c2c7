package visible

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRune(t *testing.T) {
	t.Parallel()
	for _, r := range "aZ0!_é中あ한ש́🙂€" {
		require.True(t, Rune(r), "%U", r)
		require.False(t, Ignorable(r), "%U", r)
	}
	require.False(t, Ignorable('\u0600'), "it is drawn around numbers")
	for _, r := range " \t\n\u00a0\u2003\u3000\u0000\u0007\u0085\u2028" {
		require.False(t, Rune(r), "%U", r)
		require.False(t, Ignorable(r), "%U", r)
	}
	for _, r := range "\u00ad\u034f\u061c\u115f\u1160\u17b4\u180b\u180e\u200b\u200c\u200d\u200e\u202e\u2060\u2061\u2065\u2066\u206f\u2800\u3164\ufe0f\ufeff\uffa0\ufff0\ufff9\ufffc\U0001d159\U0001d173\U000e0001\U000e0041\U000e0100\ufdd0\uffff" {
		require.False(t, Rune(r), "%U", r)
		require.True(t, Ignorable(r), "%U", r)
	}
}
