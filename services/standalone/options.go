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
	"strings"
	"time"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/platform/config"
	"eventanalytics/pkg/platform/logging"
	"eventanalytics/pkg/platform/server"
	"eventanalytics/pkg/platform/tracing"
	"eventanalytics/services/account"
	"eventanalytics/services/ingest"
	"eventanalytics/services/stats"
	"eventanalytics/services/syncworker"
)

// Options are the standalone's own settings, in addition to the services'.
type Options struct {
	Host        string        `env:"LISTEN_HOST" doc:"Address to listen on; all addresses of this machine by default"`
	Port        uint16        `env:"PORT" envDefault:"5066" doc:"Port to listen on"`
	DataDir     string        `env:"DATA_DIR" envDefault:"./data" doc:"Folder that holds everything: Postgres, the warehouse, the secret. Used by one process at a time"`
	MetricsAddr string        `env:"METRICS_ADDR" doc:"Address that serves /metrics, host:port; none by default"`
	DatabaseURL string        `env:"DATABASE_URL" doc:"URL of a Postgres to use instead of a private one"`
	MaxConns    int32         `env:"DATABASE_MAX_CONNS" envDefault:"16" doc:"Maximum Postgres connections of each of the services"`
	MaxIdle     time.Duration `env:"DATABASE_MAX_IDLE" envDefault:"5m" doc:"How long a Postgres connection may be idle before it is closed"`
	RedisURL    string        `env:"REDIS_URL" doc:"URL of a Redis to use instead of an in-process one"`
	AuthSecret  auth.Secret   `env:"AUTH_SECRET" doc:"Secret of at least 32 random bytes that signs tokens; by default one that is generated once and kept in DATA_DIR/secret"`
	Connections server.ConnectionConfig
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
	if o.MaxIdle <= 0 {
		errs = append(errs, fmt.Errorf("DATABASE_MAX_IDLE is %s, it must be positive, such as 5m", o.MaxIdle))
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

// Settings are all that the standalone reads.
type Settings struct {
	Options
	Log      logging.Config
	Services Services
}

// Load reads the settings. Those of the services are only checked, so that
// everything wrong is reported at once: Run reads them when it knows the secret and
// the Redis that it makes itself.
func Load() (Options, logging.Config, error) {
	placeholders := (&Options{}).given(auth.Secret(strings.Repeat("-", secretBytes)), &redisServer{url: "redis://localhost"})
	s, err := config.Load[Settings](OwnDefaults, placeholders)
	if s.AuthSecret == auth.Secret(placeholders["AUTH_SECRET"]) {
		s.AuthSecret = ""
	}
	if s.RedisURL == placeholders["REDIS_URL"] {
		s.RedisURL = ""
	}
	return s.Options, s.Log, err
}

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
