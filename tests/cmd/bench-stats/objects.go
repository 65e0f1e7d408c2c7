package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"eventanalytics/tests/bench/measure"
	"eventanalytics/tests/harness/stack"
)

// objectStore is what tables call the service over a bucket.
const objectStore = "object store"

// objectEngine is a replica of the service whose segments are in a bucket. After a restart it
// has no copies but those that it fetches before it is ready, of roll-ups; it fetches the
// others in the background and when a question needs them.
type objectEngine struct {
	serviceEngine
	store *stack.ObjectStore
}

// startStore serves the files of the data set as objects.
func (b *bench) startStore(ctx context.Context) (e *objectEngine, err error) {
	port, err := stack.FreePort()
	if err != nil {
		return nil, err
	}
	e = &objectEngine{serviceEngine: serviceEngine{b: b}}
	e.store, err = stack.StartObjectStore(ctx, b.data.path("run"), b.data.path("run"), port)
	return e, err
}

func (e *objectEngine) copies() string { return e.b.data.path("run", "copies") }

func (e *objectEngine) restart(ctx context.Context) error {
	if err := errors.Join(e.end(), os.RemoveAll(e.copies())); err != nil {
		return fmt.Errorf("starting without copies: %w", err)
	}
	if err := measure.DropCache(e.b.warehouse()); err != nil {
		return err
	}
	return e.beside(ctx, append(stack.ObjectSettings(e.store.URL), "WAREHOUSE_DIR="+e.copies())...)
}

func (e *objectEngine) close() error { return errors.Join(e.end(), e.store.Stop()) }
