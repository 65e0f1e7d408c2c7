package auth

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestConfigSaysAllThatIsWrong(t *testing.T) {
	t.Parallel()
	cfg := Config{CacheFor: -1, HonourFor: -2}
	err := cfg.Validate()
	for _, name := range []string{"AUTH_SECRET", "AUTH_CACHE_FOR", "AUTH_HONOUR_FOR"} {
		require.ErrorContains(t, err, name)
	}
	ok := Config{SecretConfig: SecretConfig{AuthSecret: testSecret}, CacheFor: time.Second, HonourFor: time.Minute}
	require.NoError(t, ok.Validate())
}
