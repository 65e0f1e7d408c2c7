// Command syncworker moves events from the outbox into the warehouse.
package main

import (
	"context"

	"eventanalytics/pkg/platform/boot"
	"eventanalytics/services/syncworker"
)

const name = "syncworker"

var cli struct {
	Serve     serve             `cmd:"" default:"1" help:"Lead or stand by until told to stop."`
	Warehouse warehouseCommands `cmd:"" help:"Check the warehouse, or hold its garbage collection for a backup."`
	Restore   restore           `cmd:"" help:"Take a database restored from a dump into use; all services must be stopped."`
	boot.Commands
}

func main() { boot.Main(&cli, name, "Moves events from the outbox into the warehouse.") }

type serve struct{}

func (serve) Run(ctx context.Context) error { return boot.Serve(ctx, name, syncworker.New) }
