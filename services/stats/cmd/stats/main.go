// Command stats answers questions about events.
package main

import (
	"context"

	"eventanalytics/pkg/platform/boot"
	"eventanalytics/pkg/warehouse/sandbox"
	"eventanalytics/services/stats"
)

const name = "stats"

var cli struct {
	Serve serve `cmd:"" default:"1" help:"Serve requests until told to stop."`
	boot.Commands
}

func main() {
	sandbox.Enter()
	boot.Main(&cli, name, "Answers questions about events.")
}

type serve struct{}

func (serve) Run(ctx context.Context) error { return boot.Serve(ctx, name, stats.New) }
