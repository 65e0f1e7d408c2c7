// Command syncworker moves events from the outbox into the warehouse.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"

	"eventanalytics/pkg/platform/server"
)

var cli struct {
	Serve       serve              `cmd:"" default:"1" help:"Lead or stand by until told to stop."`
	Warehouse   warehouseCommands  `cmd:"" help:"Check the warehouse, or hold its garbage collection for a backup."`
	Restore     restore            `cmd:"" help:"Take a database restored from a dump into use; all services must be stopped."`
	Healthcheck server.Healthcheck `cmd:"" help:"Exit with 0 when the service on this machine answers."`
	Version     version            `cmd:"" help:"Print the version and exit."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	k := kong.Parse(&cli, kong.Name("syncworker"), kong.Description("Moves events from the outbox into the warehouse."), kong.BindTo(ctx, (*context.Context)(nil)))
	k.FatalIfErrorf(k.Run())
}

type version struct{}

func (version) Run(k *kong.Context) error {
	text := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		text = info.Main.Version
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				text += " " + s.Value
			}
		}
	}
	_, err := k.Stdout.Write([]byte("syncworker " + text + "\n"))
	return err
}
