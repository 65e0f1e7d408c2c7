package main

import (
	"context"
	"errors"
	"os"

	"eventanalytics/tests/bench/measure"
	"eventanalytics/tests/harness/stack"
)

// clickHouseOverFiles is what tables call the service that asks a ClickHouse, which reads the
// segments' files.
const clickHouseOverFiles = "ClickHouse over the files"

// filesEngine is a replica of the service with a ClickHouse beside it, which it asks about
// every scan that no roll-up serves. What ClickHouse does not answer is not measured.
type filesEngine struct {
	serviceEngine
	clickHouse *stack.ClickHouse
}

func (e *filesEngine) restart(ctx context.Context) (err error) {
	if err := e.close(); err != nil {
		return err
	}
	if e.clickHouse, err = stack.StartClickHouse(ctx, e.b.data.path("run"), os.Getenv("CHDB_LIB_PATH")); err != nil {
		return err
	}
	if err := e.beside(ctx, e.clickHouse.Engine("file:"+e.b.warehouse())...); err != nil {
		return err
	}
	return measure.DropCache(e.b.warehouse())
}

func (e *filesEngine) ask(ctx context.Context, q *question) (a answered, err error) {
	before, err := measure.PreciseCPU(e.clickHouse.PID())
	if err != nil {
		return a, err
	}
	if a, err = e.serviceEngine.ask(ctx, q); err != nil {
		return a, err
	}
	if a.source != "engine" {
		return a, errOtherEngine
	}
	after, err := measure.PreciseCPU(e.clickHouse.PID())
	a.cpu += after - before
	a.source = "" // the service's alone is shown
	return a, err
}

func (e *filesEngine) close() error {
	err := e.end()
	if e.clickHouse != nil {
		err = errors.Join(err, e.clickHouse.Stop())
	}
	e.clickHouse = nil
	return err
}
