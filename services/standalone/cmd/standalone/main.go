// Command standalone runs the whole event analytics service in one process.
package main

import (
	"context"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/alecthomas/kong"

	"eventanalytics/pkg/platform/build"
	"eventanalytics/pkg/platform/config"
	"eventanalytics/pkg/platform/logging"
	"eventanalytics/pkg/platform/server"
	"eventanalytics/pkg/warehouse/sandbox"
	"eventanalytics/services/account"
	"eventanalytics/services/standalone"
)

var cli struct {
	Serve       serve                `cmd:"" default:"1" help:"Start everything and serve until told to stop."`
	CreateUser  createUser           `cmd:"" help:"Create an account; the password is asked for, or read from standard input."`
	Healthcheck healthcheck          `cmd:"" help:"Exit with 0 when the service on this machine answers."`
	Version     build.VersionCommand `cmd:"" help:"Print the version and exit."`
}

func main() {
	sandbox.Enter()
	ctx := untilSignal()
	k := kong.Parse(&cli, kong.Name("standalone"),
		kong.Description("The whole event analytics service in one process."),
		kong.BindTo(ctx, (*context.Context)(nil)))
	k.FatalIfErrorf(k.Run())
}

// untilSignal returns a context that ends with the first Ctrl-C or SIGTERM. The
// second ends the process immediately; Postgres notices and stops on its own.
func untilSignal() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		cancel()
		<-signals
		os.Exit(1)
	}()
	return ctx
}

type serve struct{}

func (serve) Run(ctx context.Context) error {
	o, logs, err := standalone.Load()
	if err != nil {
		return err
	}
	return standalone.Run(ctx, o, logs, os.Stdout)
}

type createUser struct{ account.CreateUser }

func (c createUser) Run(ctx context.Context) error {
	o, err := config.Load[standalone.Options]()
	if err != nil {
		return err
	}
	log, err := logging.New(logging.Config{Level: "warn", Format: "console"}, "create-user")
	if err != nil {
		return err
	}
	if err := o.CheckInstance(); err != nil {
		return err
	}
	user, err := c.User(ctx, os.Stdin, os.Stderr)
	if err != nil {
		return err
	}
	return standalone.CreateUser(ctx, o, user, log, os.Stdout)
}

type healthcheck struct {
	server.Healthcheck `embed:""`
}

func (h healthcheck) Run(ctx context.Context) error {
	o, err := config.Load[standalone.Options]()
	if err != nil {
		return err
	}
	return h.Ask(ctx, strconv.Itoa(int(o.Port)))
}
