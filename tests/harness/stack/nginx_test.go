package stack

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSubstituteFillsInUpperCaseNamesOnly(t *testing.T) {
	t.Parallel()
	text, err := substitute("listen ${LISTEN}; set $host ${STATS};", map[string]string{"LISTEN": "5066", "STATS": ""})
	require.NoError(t, err)
	require.Equal(t, "listen 5066; set $host ;", text)

	_, err = substitute("${LISTEN} ${INGEST}", map[string]string{"LISTEN": "1"})
	require.ErrorContains(t, err, "${INGEST}")
}
