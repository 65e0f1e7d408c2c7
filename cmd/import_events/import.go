package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"eventanalytics/cmd/import_events/checkpoint"
	"eventanalytics/cmd/import_events/pipeline"
	"eventanalytics/cmd/import_events/reject"
	"eventanalytics/cmd/import_events/upload"
	"eventanalytics/pkg/platform/progress"
)

// importFiles imports the files from where an earlier run stopped, and reports
// whether rows were rejected.
func importFiles(ctx context.Context, o options, stdout io.Writer, stderr *os.File) (rejected bool, err error) {
	begun := time.Now()
	state, err := begin(o)
	if err != nil {
		return false, err
	}
	before := state.Records
	converter, src, err := open(ctx, o, stderr)
	if err != nil {
		return false, err
	}
	defer src.Close()
	if err := src.Skip(state.Records); err != nil {
		return false, err
	}
	rejects, err := reject.Open(o.Rejects, state.RejectBytes)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, rejects.Close()) }()

	var shown *progress.Progress
	if !o.Quiet {
		shown = progress.New(stderr)
		defer shown.Close()
		at, of := src.Progress()
		shown.Resume("importing", src.Unit(), at, of)
		if before > 0 {
			shown.Note("resuming after %d events", before)
		}
	}
	shownEvents := 0
	cfg := pipeline.Config{
		Source: src, Column: converter.Column, KeepStored: o.Conflicts == "keep",
		BatchEvents: o.Batch, BatchBytes: batchBytes, Parallel: o.Parallel,
		NotBefore: time.Unix(0, 0), NotAfter: begun.Add(time.Hour), // the service's defaults
		Confirm: func(b pipeline.Batch) (err error) {
			if state.RejectBytes, err = rejects.Append(b.Rejects); err != nil {
				return err
			}
			add(&state, b)
			for _, r := range b.Sample {
				if shownEvents++; shownEvents <= sampleEvents {
					show(stdout, r)
				}
			}
			rate := float64(state.Records-before) / max(time.Since(begun).Seconds(), 0.001)
			shown.At(b.Progress, fmt.Sprintf("%d events, %.0f/s", state.Records, rate))
			if o.DryRun || o.stdin() {
				return nil
			}
			return state.Save(o.Checkpoint)
		},
	}
	if o.DryRun {
		cfg.Sample = sampleEvents
	} else {
		cfg.NotBefore, cfg.NotAfter = time.Time{}, time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC) // the service knows
		if cfg.Uploader, err = uploader(o, state, shown); err != nil {
			return false, err
		}
	}
	err = pipeline.Run(ctx, cfg)
	shown.Close()
	summarize(stdout, o, state, state.Records-before, time.Since(begun))
	if err != nil {
		return false, fmt.Errorf("after %d events of %s: %w%s", state.Records, strings.Join(o.Files, ", "), err, advice(o))
	}
	if !o.DryRun && !o.stdin() {
		if err := os.Remove(o.Checkpoint); err != nil {
			return false, fmt.Errorf("removing the checkpoint: %w", err)
		}
	}
	if state.Totals.Rejected > 0 && !o.Quiet {
		fmt.Fprintf(stderr, "rejected rows are in %s\n", o.Rejects)
	}
	return state.Totals.Rejected > 0, nil
}

// uploader sends the events of an import, and tells when it has to wait.
func uploader(o options, state checkpoint.State, shown *progress.Progress) (*upload.Uploader, error) {
	service := o.service()
	service.OnRetry = func(err error, after time.Duration) {
		shown.Note("%v; retrying in %s", err, after.Round(time.Second/10))
	}
	return upload.New(service, state.Import.String())
}

func advice(o options) string {
	if o.DryRun {
		return ""
	}
	if o.stdin() {
		return "; run the same command again with the same input, nothing is counted twice"
	}
	return "; run the same command again to resume from there"
}

// begin loads the state that an earlier run left, or creates one and saves it
// before anything is sent.
func begin(o options) (checkpoint.State, error) {
	var file checkpoint.Identity
	var err error
	if !o.stdin() {
		if file, err = checkpoint.IdentifyAll(o.Files); err != nil {
			return checkpoint.State{}, err
		}
	}
	target := checkpoint.Target{URL: strings.TrimRight(o.URL, "/"), Username: o.Username, Project: o.Project}
	if o.DryRun || o.stdin() {
		return checkpoint.New(file, target, o.identity()), nil
	}
	state, found, err := checkpoint.Load(o.Checkpoint)
	if err != nil {
		return checkpoint.State{}, err
	}
	if found {
		err = state.Check(file, target, o.identity())
	}
	// An import that stored nothing, perhaps because of a wrong address, can be
	// replaced.
	if !found || err != nil && state.Records == 0 {
		state = checkpoint.New(file, target, o.identity())
		return state, state.Save(o.Checkpoint)
	}
	if err != nil {
		return checkpoint.State{}, fmt.Errorf("%w; to start over, remove %s", err, o.Checkpoint)
	}
	if _, err := os.Stat(o.Rejects); state.RejectBytes > 0 && errors.Is(err, fs.ErrNotExist) {
		return checkpoint.State{}, fmt.Errorf("the reject file %s of the interrupted import is gone; to start over, remove %s", o.Rejects, o.Checkpoint)
	}
	return state, nil
}

func add(s *checkpoint.State, b pipeline.Batch) {
	s.Records += int64(b.Records)
	s.Totals.Sent += int64(b.Sent)
	s.Totals.Accepted += int64(b.Accepted)
	s.Totals.Rejected += int64(len(b.Rejects))
	s.Totals.Skipped += int64(b.Skipped)
	s.Totals.Duplicates += int64(b.Records - b.Accepted - b.Skipped - len(b.Rejects))
}

// summarize prints the totals over all runs; time and rate are for this one.
func summarize(w io.Writer, o options, s checkpoint.State, records int64, took time.Duration) {
	t := s.Totals
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight|tabwriter.TabIndent)
	row := func(name string, value any) { fmt.Fprintf(table, "%v\t %s\n", value, name) }
	if o.DryRun {
		row("valid", s.Records-t.Rejected-t.Skipped)
	} else {
		row("sent", t.Sent)
		row("accepted", t.Accepted)
		row("duplicates", t.Duplicates)
	}
	row("rejected", t.Rejected)
	if t.Skipped > 0 {
		row("skipped", t.Skipped)
	}
	row("seconds", fmt.Sprintf("%.2f", took.Seconds()))
	row("events/s", fmt.Sprintf("%.0f", float64(records)/max(took.Seconds(), 1e-9)))
	table.Flush()
}
