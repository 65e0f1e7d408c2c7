package standalone

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/jackc/pgx/v5/stdlib"
	"go.uber.org/zap"

	"eventanalytics/migrations"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/boot"
	"eventanalytics/pkg/platform/postgres"
	"eventanalytics/pkg/platform/postgres/private"
	"eventanalytics/services/account"
	"eventanalytics/services/account/store"
)

// database is the Postgres in use.
type database struct {
	options Options
	url     string
	private *private.Server // nil for one at DATABASE_URL
}

// openDatabase starts the private Postgres unless DATABASE_URL is set, and migrates
// the schema.
func openDatabase(ctx context.Context, o Options, log *zap.Logger) (_ *database, err error) {
	d := &database{options: o, url: o.DatabaseURL}
	if d.url == "" {
		log.Info("starting Postgres", zap.String("folder", o.postgresDir()))
		if d.private, err = private.Start(ctx, private.Config{Dir: o.postgresDir(), Log: log}); err != nil {
			return nil, err
		}
		d.url = d.private.URL()
	}
	if err := d.migrate(ctx); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

func (d *database) migrate(ctx context.Context) error {
	pool, err := postgres.Open(ctx, d.config(), "migrate")
	if err != nil {
		return err
	}
	defer pool.Close()
	db := stdlib.OpenDBFromPool(pool)
	defer db.Close()
	if err := migrations.Up(ctx, db); err != nil {
		return err
	}
	return outbox.CreatePartitions(ctx, pool)
}

// config is that of the pool of one service.
func (d *database) config() postgres.Config {
	return postgres.Config{URL: d.url, MaxConns: d.options.MaxConns, MaxIdle: d.options.MaxIdle}
}

// watch returns an error if the private server ends before ctx does.
func (d *database) watch(ctx context.Context, dir string) error {
	if d.private == nil {
		return nil
	}
	select {
	case <-ctx.Done():
		return nil
	case <-d.private.Done():
		return fmt.Errorf("the private Postgres ended; %s says why", filepath.Join(dir, "server.log"))
	}
}

func (d *database) close() error {
	if d.private == nil {
		return nil
	}
	if err := d.private.Stop(); err != nil {
		return fmt.Errorf("stopping Postgres: %w", err)
	}
	return nil
}

// CreateUser makes an account and says so to out, whether or not the standalone is
// running. It refuses a folder that holds no instance.
func CreateUser(ctx context.Context, o Options, user store.NewUser, log *zap.Logger, out io.Writer) (err error) {
	if err := o.CheckInstance(); err != nil {
		return err
	}
	d, err := openDatabase(ctx, o, log)
	if errors.Is(err, private.ErrInUse) {
		url, err := private.RunningURL(o.postgresDir())
		if err != nil {
			return err
		}
		d = &database{options: o, url: url}
	} else if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	pool, err := boot.Open(ctx, d.config(), "create-user")
	if err != nil {
		return err
	}
	defer pool.Close()
	return account.Create(ctx, pool, user, out)
}
