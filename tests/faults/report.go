package faults

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
)

// Report is what happened in a run.
type Report struct {
	Seed   uint64
	Rounds int
	Faults map[string]Count // by name

	Uploads      int
	Sent         int // events, repeats included
	Distinct     int // events
	Acknowledged int
	Unknown      int // distinct events whose outcome no client was told
	Attempts     int // without an answer that tells the outcome
	Stored       int // events found in the warehouse
}

// Count says how often a fault was tried and how often it happened.
type Count struct{ Tried, Struck int }

func newReport(seed uint64) *Report { return &Report{Seed: seed, Faults: map[string]Count{}} }

// strike records a round's fault.
func (r *Report) strike(name string, struck bool) {
	r.Rounds++
	count := r.Faults[name]
	count.Tried++
	if struck {
		count.Struck++
	}
	r.Faults[name] = count
}

// add records the outcome for a project.
func (r *Report) add(s *story, stored int) {
	r.Uploads += s.uploads
	r.Sent += s.events
	r.Distinct += len(s.sent)
	r.Acknowledged += len(s.acknowledged)
	r.Unknown += len(s.sent) - len(s.acknowledged)
	r.Attempts += s.unknown
	r.Stored += stored
}

// Write writes a table.
func (r *Report) Write(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "fault\trounds\tstruck")
	for _, name := range slices.Sorted(maps.Keys(r.Faults)) {
		fmt.Fprintf(w, "%s\t%d\t%d\n", name, r.Faults[name].Tried, r.Faults[name].Struck)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	_, err := fmt.Fprintf(out, `
seed %d, %d rounds, %d kinds of faults
%d uploads of %d events, %d of them distinct
%d acknowledged, %d never acknowledged (%d attempts without an answer)
%d found in the warehouse
`, r.Seed, r.Rounds, len(r.Faults), r.Uploads, r.Sent, r.Distinct, r.Acknowledged, r.Unknown, r.Attempts, r.Stored)
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}
