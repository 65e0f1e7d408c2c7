package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"eventanalytics/pkg/warehouse/native"
	"eventanalytics/tests/bench/measure"
	"eventanalytics/tests/harness/stack"
)

// engine answers the questions. What it has computed for one answer it does not use
// for the next.
type engine interface {
	// ask returns the rows as lines does.
	ask(ctx context.Context, q *question) (answered, error)
	// restart begins afresh, with the page cache of the engine's files dropped.
	restart(ctx context.Context) error
	// settle waits until the engine does nothing by itself any more.
	settle(ctx context.Context) error
	close() error
}

// errOtherEngine says that an engine left a question to another, so that there is nothing to
// measure.
var errOtherEngine = errors.New("another engine answers it")

// answered is one answer and what it took. The time includes HTTP and JSON for the
// service; the CPU is that of the process that answers.
type answered struct {
	rows      []string
	took, cpu time.Duration
	source    string // of the service's answer
}

// isVariant says whether it is the service over another engine or store: these are in a table
// of their own.
func isVariant(name string) bool { return name == clickHouseOverFiles || name == objectStore }

// engines are compared in this order.
func (b *bench) engines(ctx context.Context) (names []string, engines []engine, err error) {
	if err := b.makeNative(ctx); err != nil {
		return nil, nil, err
	}
	names, engines = []string{"service", "DuckDB"}, []engine{&serviceEngine{b: b}, &duckEngine{b: b}}
	if b.ClickHouse == "" {
		fmt.Print("\nClickHouse is not compared: --clickhouse does not name its program\n")
	} else {
		if err := b.makeClickHouse(ctx); err != nil {
			return nil, nil, err
		}
		names, engines = append(names, "ClickHouse", clickHouseOverFiles), append(engines, &clickHouseEngine{b: b}, &filesEngine{serviceEngine: serviceEngine{b: b}})
	}
	objects, err := b.startStore(ctx)
	if err != nil {
		return nil, nil, err
	}
	return append(names, objectStore), append(engines, objects), nil
}

type serviceEngine struct {
	b       *bench
	process *stack.Process
	a       *asker
}

func (s *serviceEngine) restart(ctx context.Context) (err error) {
	if err := s.close(); err != nil {
		return err
	}
	if err := s.b.startServices(ctx, "stats"); err != nil {
		return err
	}
	s.process = s.b.services["stats"]
	if s.a, err = s.b.asker(1); err != nil {
		return err
	}
	return measure.DropCache(s.b.warehouse())
}

func (s *serviceEngine) ask(ctx context.Context, q *question) (a answered, err error) {
	pid := s.process.PID()
	before, err := measure.PreciseCPU(pid)
	if err != nil {
		return a, err
	}
	if a.rows, a.source, a.took, err = s.a.answer(ctx, q, true); err != nil {
		return a, err
	}
	after, err := measure.PreciseCPU(pid)
	a.cpu = after - before
	return a, err
}

func (s *serviceEngine) close() error {
	if s.a != nil {
		s.a.close()
	}
	s.a = nil
	return nil
}

// Quiet is a service that uses less than so much of a core, which a replica does once it has
// checked all files of its snapshot.
const (
	quietFor   = 300 * time.Millisecond
	quietCPU   = 10 * time.Millisecond
	quietAfter = 5 * time.Minute // at the latest
)

func (s *serviceEngine) settle(ctx context.Context) error {
	return stack.Poll(ctx, quietAfter, func() error {
		before, err := measure.PreciseCPU(s.process.PID())
		if err != nil {
			return err
		}
		time.Sleep(quietFor)
		after, err := measure.PreciseCPU(s.process.PID())
		if err != nil {
			return err
		}
		if after-before > quietCPU {
			return fmt.Errorf("a replica used %s of CPU in %s, of its own", after-before, quietFor)
		}
		return nil
	})
}

// beside starts a replica beside the stack's, with settings of its own.
func (s *serviceEngine) beside(ctx context.Context, settings ...string) (err error) {
	const name = "stats"
	others := s.b.stack.Addresses[name]
	defer func() { s.b.stack.Addresses[name] = others }()
	if s.process, err = s.b.stack.StartService(ctx, name, settings...); err != nil {
		return err
	}
	s.a, err = s.b.asker(1)
	return err
}

// end ends the replica that beside started, if there is one.
func (s *serviceEngine) end() error {
	err := s.close()
	if s.process != nil {
		err = errors.Join(err, s.process.Stop())
	}
	s.process = nil
	return err
}

// duckEngine runs in this process, which does nothing else while it is asked.
type duckEngine struct {
	b  *bench
	db *sql.DB
}

func (d *duckEngine) restart(ctx context.Context) (err error) {
	if err := d.close(); err != nil {
		return err
	}
	path := d.b.data.path(nativeFile)
	if d.db, err = native.Open(ctx, d.b.nativeConfig(path)); err != nil {
		return err
	}
	return measure.DropCache(path)
}

func (d *duckEngine) ask(ctx context.Context, q *question) (a answered, err error) {
	limited, cancel := context.WithTimeout(ctx, d.b.Cap)
	defer cancel()
	before, err := measure.PreciseCPU(os.Getpid())
	if err != nil {
		return a, err
	}
	began := time.Now()
	if a.rows, err = lines(limited, d.db, q.best.duckdb); err != nil {
		return a, err
	}
	a.took = time.Since(began)
	after, err := measure.PreciseCPU(os.Getpid())
	a.cpu = after - before
	return a, err
}

func (*duckEngine) settle(context.Context) error { return nil }

func (d *duckEngine) close() (err error) {
	if d.db != nil {
		err = d.db.Close()
	}
	d.db = nil
	return err
}

type clickHouseEngine struct {
	b *bench
	c *clickHouse
}

func (e *clickHouseEngine) restart(context.Context) (err error) {
	if err := e.close(); err != nil {
		return err
	}
	folder := e.b.data.path(clickHouseFolder)
	if e.c, err = e.b.openClickHouse(folder); err != nil {
		return err
	}
	return measure.DropCache(folder)
}

func (e *clickHouseEngine) ask(_ context.Context, q *question) (a answered, err error) {
	pid := e.c.cmd.Process.Pid
	before, err := measure.PreciseCPU(pid)
	if err != nil {
		return a, err
	}
	r, err := e.c.run(q.best.clickhouse)
	if err != nil {
		return a, err
	}
	after, err := measure.PreciseCPU(pid)
	if err != nil {
		return a, err
	}
	a.took, a.cpu = r.Took, after-before
	for _, row := range r.Rows {
		parts := make([]string, len(row))
		for i, value := range row {
			parts[i] = cell(value)
		}
		a.rows = append(a.rows, strings.Join(parts, "|"))
	}
	slices.Sort(a.rows)
	return a, nil
}

func (*clickHouseEngine) settle(context.Context) error { return nil }

func (e *clickHouseEngine) close() (err error) {
	if e.c != nil {
		err = e.c.stop()
	}
	e.c = nil
	return err
}

func closeAll(engines []engine) error {
	var errs []error
	for _, e := range engines {
		errs = append(errs, e.close())
	}
	return errors.Join(errs...)
}
