package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

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
	require.EqualError(t, err, "reading settings: 2 mistakes\n  SIZE must be positive\n  SECRET is too short")
}

type every struct {
	Nested settings
	Port   uint16        `env:"PORT" envDefault:"5066"`
	Drain  time.Duration `env:"DRAIN_TIMEOUT" envDefault:"15s"`
	Again  time.Duration `env:"DRAIN_TIMEOUT" envDefault:"15s"`
	On     bool          `env:"GROUP_COMMIT" envDefault:"true"`
	Since  time.Time     `env:"EARLIEST_EVENT" envDefault:"1970-01-01T00:00:00Z"`
	Limit  limit         `env:"RATE_LIMIT_INGEST" envDefault:"20/s burst 60"`
	Bytes  int64         `env:"WAREHOUSE_ROLLUP_BYTES" envDefault:"3"`
	Memory string        `env:"WAREHOUSE_MEMORY_LIMIT" envDefault:"2GiB"`
	Query  time.Duration `env:"WAREHOUSE_QUERY_TIMEOUT" envDefault:"30s"`
}

type limit string

func (l *limit) UnmarshalText(text []byte) error {
	if string(text) == "a lot" {
		return errors.New(`"a lot" is no limit`)
	}
	*l = limit(text)
	return nil
}

func TestWrongValuesNameTheSettingAndAnExample(t *testing.T) {
	t.Parallel()
	_, err := config.Parse[every](map[string]string{
		"PORT": "abc", "DRAIN_TIMEOUT": "15", "GROUP_COMMIT": "perhaps", "EARLIEST_EVENT": "yesterday",
		"RATE_LIMIT_INGEST": "a lot", "WAREHOUSE_ROLLUP_BYTES": "1GiB", "SIZE": "-1",
	})
	require.EqualError(t, err, `reading settings: 8 mistakes
  SECRET is not set: A secret
  PORT is "abc": it must be a whole number from 0 to 65535, such as PORT=5066
  DRAIN_TIMEOUT is "15": it must be a time with its unit (ms, s, m or h), such as DRAIN_TIMEOUT=15s
  GROUP_COMMIT is "perhaps": it must be true or false, such as GROUP_COMMIT=true
  EARLIEST_EVENT is "yesterday": it must be a time as in RFC 3339, such as EARLIEST_EVENT=1970-01-01T00:00:00Z
  RATE_LIMIT_INGEST is "a lot": "a lot" is no limit, such as RATE_LIMIT_INGEST="20/s burst 60"
  WAREHOUSE_ROLLUP_BYTES is "1GiB": it must be a whole number, such as WAREHOUSE_ROLLUP_BYTES=3
  SIZE must be positive`)

	_, err = config.Parse[every](map[string]string{"SECRET": "secret", "PORT": "70000"})
	require.EqualError(t, err, `reading settings: PORT is "70000": it must be a whole number from 0 to 65535, such as PORT=5066`)
}

func TestMisspeltSettingsAreRefused(t *testing.T) {
	for name, meant := range map[string]string{
		"WAREHOUSE_MEMORY":        "WAREHOUSE_MEMORY_LIMIT",
		"WAREHOUSE_TIMEOUT":       "WAREHOUSE_QUERY_TIMEOUT",
		"WAREHOUSE_MEMORY_LIMITS": "WAREHOUSE_MEMORY_LIMIT",
		"RATE_LIMIT_INJEST":       "RATE_LIMIT_INGEST",
		"RATE_LIMIT_UPLOADS":      "RATE_LIMIT_INGEST",
		"DRAIN_TIMEOUTS":          "DRAIN_TIMEOUT",
		"GROUP_COMIT":             "GROUP_COMMIT",
		"SECERT_FILE":             "SECRET_FILE",
		"PROT":                    "PORT",
		"port":                    "PORT",
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("SECRET", "secret")
			t.Setenv(name, "/nowhere")
			_, err := config.Load[every]()
			require.EqualError(t, err, "reading settings: "+name+" is no setting: did you mean "+meant+"?")
		})
	}
	t.Run("all at once, with what else is wrong", func(t *testing.T) {
		t.Setenv("GROUP_COMIT", "false")
		t.Setenv("RATE_LIMIT_INJEST", "3/s")
		t.Setenv("PORT", "abc")
		t.Setenv("SECRET_FILE", "/nowhere")
		_, err := config.Load[every]()
		require.EqualError(t, err, `reading settings: 4 mistakes
  GROUP_COMIT is no setting: did you mean GROUP_COMMIT?
  RATE_LIMIT_INJEST is no setting: did you mean RATE_LIMIT_INGEST?
  reading SECRET_FILE: open /nowhere: no such file or directory
  PORT is "abc": it must be a whole number from 0 to 65535, such as PORT=5066`)
	})
	t.Run("others", func(t *testing.T) {
		t.Setenv("SECRET", "secret")
		for _, name := range []string{
			"RATE_LIMIT_STATS", "WAREHOUSE_THREADS", "AUTH_SECRET_FILE", // of other services
			"HOST", "PATH", "POST", "SSL_CERT_FILE", "SIZES_OF_OTHERS", "REDIS_PORT", // of other programs
			"WAREHOUSE_SERVICE_HOST", "WAREHOUSE_PORT", "WAREHOUSE_PORT_5432_TCP_ADDR", // of Kubernetes
		} {
			t.Setenv(name, "x")
		}
		_, err := config.Load[every]()
		require.NoError(t, err)
	})
}
