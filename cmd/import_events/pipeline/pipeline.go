// Package pipeline moves events from a file to the service: one goroutine reads
// batches, several check and upload them, and one confirms them in file order.
package pipeline

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"eventanalytics/cmd/import_events/reject"
	"eventanalytics/cmd/import_events/source"
	"eventanalytics/cmd/import_events/upload"
)

// Config of a run.
type Config struct {
	Source source.Source
	// Uploader sends the events; nil means a dry run.
	Uploader *upload.Uploader
	// BatchEvents and BatchBytes bound a batch, whichever is reached first. A batch
	// has at least one event.
	BatchEvents, BatchBytes int
	Parallel                int // concurrent uploads
	// Column is where the file has a field of events, for rejects. Nil for the field.
	Column func(field string) string
	// KeepStored counts events that are stored with another content as duplicates
	// instead of rejecting them.
	KeepStored bool
	// Sample is how many of a batch's first valid events are kept in it.
	Sample int
	// NotBefore and NotAfter bound occurred_at as checked here.
	NotBefore, NotAfter time.Time
	// Confirm is called for each batch, in file order, once all before it are
	// confirmed.
	Confirm func(Batch) error
}

// Batch is a completed part of the file.
type Batch struct {
	Records  int // in the batch
	Sent     int // of these, to the service
	Accepted int // of these
	Skipped  int // are no events, and are not meant to be
	Sample   []source.Record
	Rejects  []reject.Row // in the order of the file
	Progress int64        // of the source, after the batch
}

// job is a batch in progress.
type job struct {
	number  int
	records []source.Record
	batch   Batch
}

// ErrStopped is returned by Run when ctx ended before the file did.
var ErrStopped = errors.New("stopped")

// Run imports the rest of the source. If ctx ends or a batch fails, uploads in
// flight are finished, and confirmed if all before them are.
func Run(ctx context.Context, cfg Config) error {
	g, running := errgroup.WithContext(ctx)
	// A slow batch delays the confirmation of later ones, which must not pile up.
	window := make(chan struct{}, 2*cfg.Parallel)
	jobs, done := make(chan *job), make(chan *job, 2*cfg.Parallel)

	// A truncated file is imported as far as it can be read.
	var broken error
	g.Go(func() error {
		defer close(jobs)
		broken = read(running, cfg, window, jobs)
		return nil
	})
	var uploads sync.WaitGroup
	for range cfg.Parallel {
		uploads.Add(1)
		g.Go(func() error {
			defer uploads.Done()
			for j := range jobs {
				if running.Err() != nil {
					return nil
				}
				if err := work(running, cfg, j); err != nil {
					return err
				}
				done <- j
			}
			return nil
		})
	}
	g.Go(func() error {
		uploads.Wait()
		close(done)
		return nil
	})
	g.Go(func() error { return confirm(cfg, window, done) })

	err := g.Wait()
	if ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled)) {
		return ErrStopped
	}
	if err != nil {
		return err
	}
	return broken
}

// read cuts the source into batches.
func read(ctx context.Context, cfg Config, window chan<- struct{}, jobs chan<- *job) error {
	for number := 0; ; number++ {
		select {
		case window <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		j := &job{number: number}
		err := j.fill(cfg)
		if j.batch.Records == 0 {
			return err
		}
		select {
		case jobs <- j: // now owned by the worker
		case <-ctx.Done():
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (j *job) fill(cfg Config) error {
	defer func() {
		j.batch.Records = len(j.records)
		j.batch.Progress, _ = cfg.Source.Progress()
	}()
	for size := 0; len(j.records) < cfg.BatchEvents && size < cfg.BatchBytes; {
		r, err := cfg.Source.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		j.records = append(j.records, r)
		size += len(r.Text) + 1
	}
	return nil
}

// work checks a batch and uploads it.
func work(ctx context.Context, cfg Config, j *job) error {
	type rejected struct {
		record int
		reject.Fault
	}
	var rejects []rejected
	var events [][]byte
	var records []int // indexes of the events' records
	for i, r := range j.records {
		if r.Skipped {
			j.batch.Skipped++
			continue
		}
		fault := r.Fault
		if fault == nil {
			fault = cfg.inFile(check(r.Event, cfg.NotBefore, cfg.NotAfter))
		}
		if fault != nil {
			rejects = append(rejects, rejected{i, *fault})
			continue
		}
		if len(j.batch.Sample) < cfg.Sample {
			j.batch.Sample = append(j.batch.Sample, r)
		}
		events, records = append(events, r.Event), append(records, i)
	}
	if cfg.Uploader != nil && len(events) > 0 {
		result, err := cfg.Uploader.Send(ctx, events)
		if err != nil {
			return err
		}
		j.batch.Sent, j.batch.Accepted = len(events), result.Accepted
		for _, e := range result.Errors {
			if e.Code == "conflict" && cfg.KeepStored {
				continue
			}
			fault := cfg.inFile(&reject.Fault{Column: e.Field, Code: e.Code, Reason: e.Message})
			rejects = append(rejects, rejected{records[e.Index], *fault})
		}
	}
	slices.SortFunc(rejects, func(a, b rejected) int { return cmp.Compare(a.record, b.record) })
	for _, r := range rejects {
		from := j.records[r.record]
		j.batch.Rejects = append(j.batch.Rejects, reject.Row{File: from.File.Name, Line: from.Line, Fault: r.Fault, Text: from.Text})
	}
	j.records = nil // not needed while the batch waits for its turn
	return nil
}

// inFile says of a fault in a field of an event in which column of the file it is.
func (cfg *Config) inFile(f *reject.Fault) *reject.Fault {
	if f == nil || f.Column == "" || cfg.Column == nil {
		return f
	}
	if column := cfg.Column(f.Column); column != f.Column {
		f.Column, f.Reason = column, f.Column+": "+f.Reason
	}
	return f
}

// confirm confirms batches in file order.
func confirm(cfg Config, window <-chan struct{}, done <-chan *job) error {
	waiting := map[int]*job{}
	var failed error
	next := 0
	for j := range done {
		waiting[j.number] = j
		for failed == nil && waiting[next] != nil {
			failed = cfg.Confirm(waiting[next].batch)
			delete(waiting, next)
			next++
			<-window
		}
		if failed != nil {
			return failed
		}
	}
	return nil
}
