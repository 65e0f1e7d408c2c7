package standalone

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"go.uber.org/zap"

	"github.com/prometheus/client_golang/prometheus"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/platform/boot"
	"eventanalytics/pkg/platform/logging"
	"eventanalytics/pkg/platform/tracing"
)

// Run serves until ctx ends or a part fails, then stops everything it started:
// first the requests, which it lets finish, then the services, last Postgres. Once
// all is ready it opens the port and prints to out how to use it.
func Run(ctx context.Context, o Options, logs logging.Config, out io.Writer) error {
	err := run(ctx, o, logs, out)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil // stopped while starting
	}
	if free, known := freeBytes(o.DataDir); err != nil && known && free < lowDisk {
		// Postgres may not even have been able to log it.
		return fmt.Errorf("the disk of DATA_DIR %s is full, %d bytes are free: free some space and start again (%w)", o.DataDir, free, err)
	}
	return err
}

func run(ctx context.Context, o Options, logs logging.Config, out io.Writer) (err error) {
	log, err := logging.New(logs, "standalone")
	if err != nil {
		return err
	}
	stopTracing, err := tracing.Setup(ctx, o.Tracing, "standalone", log)
	if err != nil {
		return err
	}
	defer stopTracing()
	if o.DataDir, err = filepath.Abs(o.DataDir); err != nil {
		return fmt.Errorf("finding DATA_DIR: %w", err)
	}
	if err := o.checkPort(ctx); err != nil {
		return err
	}
	if free, known := freeBytes(o.DataDir); known && free < lowDisk {
		log.Warn("the disk of DATA_DIR is almost full", zap.String("folder", o.DataDir), zap.Uint64("free_bytes", free))
	}
	lock, err := openFolder(o.DataDir)
	if err != nil {
		return err
	}
	defer lock.Close()
	var secret auth.Secret
	if o.AuthSecret == "" {
		if secret, err = loadSecret(o.DataDir); err != nil {
			return err
		}
	}
	var limits *redisServer
	if o.RedisURL == "" {
		if limits, err = startRedis(); err != nil {
			return err
		}
		defer limits.close()
	}
	cfg, plan, err := boot.Load[Services](o.DatabaseURL == "", o.given(secret, limits))
	if err != nil {
		return err
	}
	boot.LogMemory(log, plan)
	if err := os.MkdirAll(cfg.Worker.Warehouse.Dir, 0o700); err != nil {
		return fmt.Errorf("creating WAREHOUSE_DIR: %w", err)
	}
	db, err := openDatabase(ctx, o, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close()) }()

	p := &process{options: o, services: cfg, logs: logs, log: log, out: out, gateway: prometheus.NewRegistry()}
	defer p.close()
	if err := p.makeParts(ctx, db); err != nil {
		return err
	}
	return p.run(ctx, limits, db)
}

// checkPort detects early that the port is taken.
func (o *Options) checkPort(ctx context.Context) error {
	ln, err := o.listen(ctx)
	if err != nil {
		return err
	}
	return ln.Close()
}

func (o *Options) listen(ctx context.Context) (net.Listener, error) {
	ln, err := listen(ctx, o.addr())
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("port %d is taken: stop what uses it or set PORT to another (%w)", o.Port, err)
	}
	if err != nil {
		return nil, fmt.Errorf("listening on port %d (PORT): %w", o.Port, err)
	}
	return ln, nil
}

func listen(ctx context.Context, addr string) (net.Listener, error) {
	var lc net.ListenConfig
	return lc.Listen(ctx, "tcp", addr)
}
