package logging

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestUnroutedPathsShowNoKey(t *testing.T) {
	t.Parallel()
	for path, shown := range map[string]string{
		"/":                                      "/",
		"/api/stats/nothing/here":                "/api/stats/nothing/here",
		"/array/ea_abcdefghijklmnopqrstuvwxyz/x": "/array/…/x",
		"/a/" + "%6dabcdefghijklmnopqrstuvw":     "/a/…",
	} {
		require.Equal(t, shown, Unrouted(path))
	}
}
