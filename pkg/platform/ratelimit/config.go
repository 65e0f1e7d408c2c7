package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Config of the limits. A token bucket each, "20/s burst 60".
type Config struct {
	Ingest        Limit `env:"RATE_LIMIT_INGEST" envDefault:"2000/s burst 4000" doc:"Requests that post events, per user or API key"`
	Stats         Limit `env:"RATE_LIMIT_STATS" envDefault:"20/s burst 60" doc:"Requests that read analytics, per user or API key"`
	Account       Limit `env:"RATE_LIMIT_ACCOUNT" envDefault:"20/s burst 60" doc:"Requests about accounts and projects, per user"`
	Register      Limit `env:"RATE_LIMIT_REGISTER" envDefault:"60/h burst 20" doc:"Registrations per client address"`
	Login         Limit `env:"RATE_LIMIT_LOGIN" envDefault:"60/m burst 60" doc:"Logins and refreshes per client address"`
	Share         Limit `env:"RATE_LIMIT_SHARE" envDefault:"40/s burst 240" doc:"Requests with the secret of a shared board, per share"`
	ShareAddress  Limit `env:"RATE_LIMIT_SHARE_ADDRESS" envDefault:"20/s burst 120" doc:"Requests with the secret of a shared board, or what is none, per client address"`
	LoginFailures Limit `env:"RATE_LIMIT_LOGIN_FAILURES" envDefault:"5/m burst 5" doc:"Failed logins per account and client address"`

	AllLoginFailures Limit `env:"RATE_LIMIT_LOGIN_FAILURES_ALL" envDefault:"10/m burst 30" doc:"Failed logins per account from all addresses together. Beyond it only addresses that logged in to the account lately may try"`
}

func init() {
	// The client's own logger writes lines of its own form to standard error;
	// its failures are counted and logged by the Limiter.
	redis.SetLogger(silent{})
}

type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

// RedisConfig says where Redis is. It holds nothing but the state of the limits.
type RedisConfig struct {
	URL     string        `env:"REDIS_URL,required" doc:"Redis, redis://user:password@host:port/db or unix:///path/to/socket"`
	Timeout time.Duration `env:"REDIS_TIMEOUT" envDefault:"50ms" doc:"How long a request waits for Redis before its limit is enforced in the process"`
}

// Validate reports what is wrong.
func (c *RedisConfig) Validate() error {
	_, err := redis.ParseURL(c.URL)
	if err != nil {
		// The parser's error may quote the password.
		err = errors.New("REDIS_URL is no URL of a Redis server")
	}
	if c.Timeout <= 0 {
		err = errors.Join(err, fmt.Errorf("REDIS_TIMEOUT is %s, it must be positive", c.Timeout))
	}
	return err
}

// NewRedis makes the client that a Limiter wants: it gives up soon and never
// tries twice. It connects when it is first used.
func NewRedis(cfg RedisConfig) (*redis.Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	o, err := redis.ParseURL(cfg.URL)
	if err != nil {
		return nil, errors.New("REDIS_URL is no URL of a Redis server")
	}
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = cfg.Timeout, cfg.Timeout, cfg.Timeout, cfg.Timeout
	o.ContextTimeoutEnabled = true
	o.MaxRetries, o.DialerRetries = -1, 1
	o.DisableIdentity = true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return redis.NewClient(o), nil
}
