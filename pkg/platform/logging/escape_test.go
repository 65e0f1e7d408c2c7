package logging

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// No character of a value controls the terminal that shows the log.
func TestControlCharactersAreEscaped(t *testing.T) {
	t.Parallel()
	var all strings.Builder
	for c := range rune(0x3000) {
		all.WriteRune(c)
	}
	value := all.String()
	for _, format := range []string{"json", "console"} {
		encoder := newEncoder(format)
		var out bytes.Buffer
		log := zap.New(zapcore.NewCore(encoder, zapcore.AddSync(&out), zapcore.InfoLevel)).With(zap.String("a", value))
		log.Info("said", zap.String("b", value), zap.Error(fmt.Errorf("reading %s", "\u009b31m")))
		line := strings.TrimSuffix(out.String(), "\n")
		for _, c := range line {
			require.False(t, c != '\t' && unicode.In(c, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp), "%s: %U", format, c)
		}
		var fields map[string]string
		require.NoError(t, json.Unmarshal([]byte(line[strings.Index(line, "{"):]), &fields))
		require.Equal(t, value, fields["a"], "the same when it is read as JSON")
		require.Equal(t, value, fields["b"])
		require.Equal(t, "reading \u009b31m", fields["error"])
	}
}
