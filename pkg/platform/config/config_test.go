package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/platform/config"
)

type inner struct {
	Secret string `env:"SECRET,required" doc:"A secret"`
}

type settings struct {
	Inner inner
	Size  int `env:"SIZE" envDefault:"3" doc:"A size"`
}

func (s *settings) Validate() error {
	if s.Size < 1 {
		return errors.New("SIZE must be positive")
	}
	return nil
}

func (i *inner) Validate() error {
	if len(i.Secret) < 3 {
		return errors.New("SECRET is too short")
	}
	return nil
}

func TestVariablesFilesAndFallbacks(t *testing.T) {
	t.Setenv("UNRELATED_FILE", "/nowhere")
	_, err := config.Load[settings]()
	require.ErrorContains(t, err, "SECRET")

	fallback := map[string]string{"SECRET": "fallback", "SIZE": "4"}
	got, err := config.Load[settings](fallback)
	require.NoError(t, err)
	require.Equal(t, settings{inner{"fallback"}, 4}, got)

	path := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(path, []byte("from a file\n"), 0o600))
	t.Setenv("SECRET_FILE", path)
	got, err = config.Load[settings](fallback)
	require.NoError(t, err)
	require.Equal(t, settings{inner{"from a file"}, 4}, got)

	t.Setenv("SECRET", "set")
	t.Setenv("SIZE", "5")
	got, err = config.Load[settings](fallback)
	require.NoError(t, err)
	require.Equal(t, settings{inner{"set"}, 5}, got)

	t.Setenv("SECRET", "")
	t.Setenv("SECRET_FILE", "/nowhere")
	_, err = config.Load[settings]()
	require.ErrorContains(t, err, "reading SECRET_FILE")
}

func TestAllMistakesAreReported(t *testing.T) {
	t.Parallel()
	_, err := config.Parse[settings](map[string]string{"SECRET": "x", "SIZE": "0"})
	require.ErrorContains(t, err, "SECRET is too short")
	require.ErrorContains(t, err, "SIZE must be positive")
}
