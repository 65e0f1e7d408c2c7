// Command ingest takes events and owns accounts.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
	"github.com/jackc/pgx/v5/stdlib"

	"eventanalytics/migrations"
	"eventanalytics/pkg/account"
	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/platform/config"
	"eventanalytics/pkg/platform/logging"
	"eventanalytics/pkg/platform/metrics"
	"eventanalytics/pkg/platform/postgres"
	"eventanalytics/pkg/platform/ratelimit"
	"eventanalytics/pkg/platform/server"
	"eventanalytics/pkg/platform/tracing"
	"eventanalytics/services/ingest"
)

type settings struct {
	ingest.Config
	Log      logging.Config
	Tracing  tracing.Config
	Postgres postgres.Config
}

var cli struct {
	Serve       serve              `cmd:"" default:"1" help:"Serve requests until told to stop."`
	Migrate     migrate            `cmd:"" help:"Bring the database to the newest schema and exit."`
	CreateUser  createUser         `cmd:"" help:"Create an account; the password is read from standard input."`
	DumpOutbox  dumpOutbox         `cmd:"" help:"Write the events of the outbox to standard output, as lines of JSON."`
	Healthcheck server.Healthcheck `cmd:"" help:"Exit with 0 when the service on this machine answers."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	k := kong.Parse(&cli, kong.Name("ingest"), kong.Description("Takes events and owns accounts."), kong.BindTo(ctx, (*context.Context)(nil)))
	k.FatalIfErrorf(k.Run())
}

type serve struct{}

func (serve) Run(ctx context.Context) error {
	cfg, err := config.Load[settings]()
	if err != nil {
		return err
	}
	log, err := logging.New(cfg.Log, "ingest")
	if err != nil {
		return err
	}
	stopTracing, err := tracing.Setup(ctx, cfg.Tracing, "ingest", log)
	if err != nil {
		return err
	}
	defer stopTracing()
	pool, err := postgres.Open(ctx, cfg.Postgres, "ingest")
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := postgres.CheckSchema(ctx, pool); err != nil {
		return err
	}
	if err := outbox.CheckIdentity(ctx, pool); err != nil {
		return err
	}
	redis, err := ratelimit.NewRedis(cfg.Redis)
	if err != nil {
		return err
	}
	defer redis.Close()
	svc, err := ingest.New(ctx, cfg.Config, ingest.Deps{Pool: pool, Redis: redis, Log: log, Registry: metrics.NewRegistry()})
	if err != nil {
		return err
	}
	return svc.Server().Run(ctx, svc.Run)
}

type migrate struct{}

func (migrate) Run(ctx context.Context) error {
	cfg, err := config.Load[postgres.Config]()
	if err != nil {
		return err
	}
	pool, err := postgres.Open(ctx, cfg, "migrate")
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

type createUser struct {
	Username string `arg:"" help:"Name of the account."`
	Email    string `help:"E-mail address."`
	FullName string `help:"Name of the person."`
}

func (c createUser) Run(ctx context.Context) error {
	cfg, err := config.Load[postgres.Config]()
	if err != nil {
		return err
	}
	pool, err := postgres.Open(ctx, cfg, "create-user")
	if err != nil {
		return err
	}
	defer pool.Close()
	password, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if password = strings.TrimRight(password, "\r\n"); password == "" {
		return errors.Join(errors.New("no password on standard input"), err)
	}
	hasher, err := auth.NewHasher(auth.HashParams)
	if err != nil {
		return err
	}
	user, err := account.NewStore(pool, hasher).CreateUser(ctx, account.NewUser{
		Username: c.Username, Password: password, Email: c.Email, FullName: c.FullName,
	})
	if err != nil {
		return err
	}
	fmt.Printf("created user %d (%s), project %d\n", user.ID, user.Username, user.ProjectID)
	return nil
}

type dumpOutbox struct {
	Project int64 `help:"Only the events of this project."`
}

func (d dumpOutbox) Run(ctx context.Context) error {
	cfg, err := config.Load[postgres.Config]()
	if err != nil {
		return err
	}
	pool, err := postgres.Open(ctx, cfg, "dump-outbox")
	if err != nil {
		return err
	}
	defer pool.Close()
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connecting to Postgres: %w", err)
	}
	defer conn.Release()
	// A reader without a transaction id holds nobody up, however long it takes.
	if _, err := conn.Exec(ctx, "SET statement_timeout = 0"); err != nil {
		return fmt.Errorf("lifting the time limit: %w", err)
	}
	return outbox.Dump(ctx, conn, d.Project, os.Stdout)
}
