// Command account keeps users, their logins, projects and API keys.
package main

import (
	"context"
	"os"

	"eventanalytics/pkg/platform/boot"
	"eventanalytics/pkg/platform/config"
	"eventanalytics/pkg/platform/postgres"
	"eventanalytics/services/account"
)

const name = "account"

var cli struct {
	Serve      serve      `cmd:"" default:"1" help:"Serve requests until told to stop."`
	CreateUser createUser `cmd:"" help:"Create an account; the password is asked for, or read from standard input."`
	boot.Commands
}

func main() { boot.Main(&cli, name, "Keeps users, their logins, projects and API keys.") }

type serve struct{}

func (serve) Run(ctx context.Context) error { return boot.Serve(ctx, name, account.New) }

type createUser struct{ account.CreateUser }

func (c createUser) Run(ctx context.Context) error {
	cfg, err := config.Load[postgres.Config]()
	if err != nil {
		return err
	}
	user, err := c.User(ctx, os.Stdin, os.Stderr)
	if err != nil {
		return err
	}
	pool, err := boot.Open(ctx, cfg, "create-user")
	if err != nil {
		return err
	}
	defer pool.Close()
	return account.Create(ctx, pool, user, os.Stdout)
}
