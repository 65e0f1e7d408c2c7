// Command standalone runs the whole event analytics service in one process.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"eventanalytics/pkg/account"
	"eventanalytics/pkg/platform/build"
	"eventanalytics/pkg/platform/config"
	"eventanalytics/pkg/platform/logging"
	"eventanalytics/pkg/platform/server"
	"eventanalytics/services/standalone"
)

var cli struct {
	Serve       serve                `cmd:"" default:"1" help:"Start everything and serve until told to stop."`
	CreateUser  createUser           `cmd:"" help:"Create an account; the password is read from standard input."`
	Healthcheck healthcheck          `cmd:"" help:"Exit with 0 when the service on this machine answers."`
	Version     build.VersionCommand `cmd:"" help:"Print the version and exit."`
}

func main() {
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
	o, err := config.Load[standalone.Options]()
	if err != nil {
		return err
	}
	logs, err := standalone.LogConfig()
	if err != nil {
		return err
	}
	return standalone.Run(ctx, o, logs, os.Stdout)
}

type createUser struct {
	Username string `arg:"" help:"Name of the account."`
	Email    string `help:"E-mail address."`
	FullName string `help:"Name of the person."`
}

func (c createUser) Run(ctx context.Context) error {
	o, err := config.Load[standalone.Options]()
	if err != nil {
		return err
	}
	log, err := logging.New(logging.Config{Level: "warn", Format: "console"}, "create-user")
	if err != nil {
		return err
	}
	password, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if password = strings.TrimRight(password, "\r\n"); password == "" {
		return errors.Join(errors.New("no password on standard input"), err)
	}
	user, err := standalone.CreateUser(ctx, o, account.NewUser{
		Username: c.Username, Password: password, Email: c.Email, FullName: c.FullName,
	}, log)
	if err != nil {
		return err
	}
	fmt.Printf("created user %d (%s), project %d\n", user.ID, user.Username, user.ProjectID)
	return nil
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
