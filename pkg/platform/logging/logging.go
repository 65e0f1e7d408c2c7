// Package logging builds the services' structured logger and names its fields.
package logging

import (
	"errors"
	"fmt"
	"os"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Names of log fields: one spelling everywhere.
const (
	RequestID = "request_id"
	TraceID   = "trace_id"
	Method    = "method"
	Path      = "path"
	Route     = "route"
	Status    = "status"
	Duration  = "duration"
	ClientIP  = "client_ip"
	BytesIn   = "bytes_in"
	BytesOut  = "bytes_out"
	UserID    = "user_id"
	ProjectID = "project_id"
	Events    = "events"
	Segments  = "segments"
	Segment   = "segment"
	Version   = "version"
	Epoch     = "epoch"
	Position  = "position"
	Address   = "address"
	Service   = "service"
	// SetupToken makes the first account, and is of no use once there is one.
	SetupToken = "setup_token"
)

// Config of the logger.
type Config struct {
	Level  string `env:"LOG_LEVEL" envDefault:"info" doc:"Minimum level that is logged: debug, info, warn or error"`
	Format string `env:"LOG_FORMAT" envDefault:"json" doc:"json, or console for reading in a terminal"`
}

// Validate reports everything that is wrong with the settings.
func (c *Config) Validate() error {
	var errs []error
	if _, err := zapcore.ParseLevel(c.Level); err != nil {
		errs = append(errs, fmt.Errorf("LOG_LEVEL is %q; it can be debug, info, warn or error", c.Level))
	}
	if c.Format != "json" && c.Format != "console" {
		errs = append(errs, fmt.Errorf("LOG_FORMAT is %q; it can be json or console", c.Format))
	}
	return errors.Join(errs...)
}

// New returns a logger that writes to standard error, with the service's name on
// each line.
func New(cfg Config, service string) (*zap.Logger, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	level, err := zapcore.ParseLevel(cfg.Level)
	if err != nil {
		return nil, fmt.Errorf("LOG_LEVEL: %w", err)
	}
	out := zapcore.Lock(os.Stderr)
	log := zap.New(zapcore.NewCore(newEncoder(cfg.Format), out, level), zap.ErrorOutput(out))
	return log.With(zap.String(Service, service)), nil
}

func newEncoder(format string) zapcore.Encoder {
	if format == "console" {
		c := zap.NewDevelopmentEncoderConfig()
		c.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05.000")
		return escaped{zapcore.NewConsoleEncoder(c)}
	}
	c := zap.NewProductionEncoderConfig()
	c.EncodeTime, c.TimeKey = zapcore.RFC3339NanoTimeEncoder, "time"
	return escaped{zapcore.NewJSONEncoder(c)}
}
