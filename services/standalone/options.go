// Package standalone runs the whole service in one process: accounts, ingest, sync
// worker and stats behind a gateway, on a private Postgres and an in-process Redis
// unless given real ones.
package standalone

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/platform/config"
	"eventanalytics/pkg/platform/logging"
	"eventanalytics/pkg/platform/tracing"
	"eventanalytics/services/account"
	"eventanalytics/services/ingest"
	"eventanalytics/services/stats"
	"eventanalytics/services/syncworker"
)

// Options are the standalone's own settings, in addition to the services'.
type Options struct {
	Host        string      `env:"LISTEN_HOST" doc:"Address to listen on; all addresses of this machine by default"`
	Port        uint16      `env:"PORT" envDefault:"5066" doc:"Port to listen on"`
	DataDir     string      `env:"DATA_DIR" envDefault:"./data" doc:"Folder that holds everything: Postgres, the warehouse, the secret. Used by one process at a time"`
	MetricsAddr string      `env:"METRICS_ADDR" doc:"Address that serves /metrics, host:port; none by default"`
	DatabaseURL string      `env:"DATABASE_URL" doc:"URL of a Postgres to use instead of a private one"`
	MaxConns    int32       `env:"DATABASE_MAX_CONNS" envDefault:"16" doc:"Maximum Postgres connections of each of the three services"`
	RedisURL    string      `env:"REDIS_URL" doc:"URL of a Redis to use instead of an in-process one"`
	AuthSecret  auth.Secret `env:"AUTH_SECRET" doc:"Secret of at least 32 random bytes that signs tokens; by default one that is generated once and kept in DATA_DIR/secret"`
	Tracing     tracing.Config
}

// Validate reports everything that is wrong with the settings.
func (o *Options) Validate() error {
	var errs []error
	if o.Port == 0 {
		errs = append(errs, errors.New("PORT must be 1 to 65535"))
	}
	if o.MaxConns < 4 {
		errs = append(errs, fmt.Errorf("DATABASE_MAX_CONNS is %d, it must be at least 4", o.MaxConns))
	}
	if o.AuthSecret != "" {
		errs = append(errs, o.AuthSecret.Validate())
	}
	return errors.Join(errs...)
}

func (o *Options) addr() string { return net.JoinHostPort(o.Host, strconv.Itoa(int(o.Port))) }

// url is the service's address for a person on this machine.
func (o *Options) url() string {
	host := o.Host
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, strconv.Itoa(int(o.Port)))
}

func (o *Options) postgresDir() string { return filepath.Join(o.DataDir, "postgres") }

// OwnDefaults are, by setting, the defaults that differ from those of the
// services: the standalone logs for people.
var OwnDefaults = map[string]string{"LOG_FORMAT": "console"}

// LogConfig reads the logger's settings.
func LogConfig() (logging.Config, error) { return config.Load[logging.Config](OwnDefaults) }

// Services are the settings of the services in it.
type Services struct {
	Account account.Config
	Ingest  ingest.Config
	Stats   stats.Config
	Worker  syncworker.Config
}

// given are the settings that the standalone provides unless the environment does.
// limits is nil if there is an external Redis.
func (o *Options) given(secret auth.Secret, limits *redisServer) map[string]string {
	values := map[string]string{
		"AUTH_SECRET":   string(secret),
		"WAREHOUSE_DIR": filepath.Join(o.DataDir, "warehouse"),
	}
	if limits != nil {
		values["REDIS_URL"] = limits.url
	}
	return values
}
