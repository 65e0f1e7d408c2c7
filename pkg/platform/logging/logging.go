// Package logging builds the services' structured logger and names its fields.
package logging

import (
	"fmt"

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
)

// Config of the logger.
type Config struct {
	Level  string `env:"LOG_LEVEL" envDefault:"info" doc:"Minimum level that is logged: debug, info, warn or error"`
	Format string `env:"LOG_FORMAT" envDefault:"json" doc:"json, or console for reading in a terminal"`
}

// New returns a logger that writes to standard error, with the service's name on
// each line.
func New(cfg Config, service string) (*zap.Logger, error) {
	level, err := zapcore.ParseLevel(cfg.Level)
	if err != nil {
		return nil, fmt.Errorf("LOG_LEVEL: %w", err)
	}
	z := zap.NewProductionConfig()
	switch cfg.Format {
	case "json":
		z.EncoderConfig.EncodeTime = zapcore.RFC3339NanoTimeEncoder
		z.EncoderConfig.TimeKey = "time"
	case "console":
		z.Encoding = "console"
		z.EncoderConfig = zap.NewDevelopmentEncoderConfig()
		z.EncoderConfig.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05.000")
	default:
		return nil, fmt.Errorf("LOG_FORMAT: %q is neither json nor console", cfg.Format)
	}
	z.Level = zap.NewAtomicLevelAt(level)
	z.Sampling = nil
	z.DisableCaller = true
	z.DisableStacktrace = true
	log, err := z.Build()
	if err != nil {
		return nil, fmt.Errorf("building the logger: %w", err)
	}
	return log.With(zap.String(Service, service)), nil
}
