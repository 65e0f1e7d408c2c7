// Package sdk runs vendors' SDKs, unmodified, against the service over a network that
// fails, and compares what they recorded with what the stats API then has. `make sdk-test`
// installs and runs them.
//
// Each run is one SDK at one fault, in a project of its own: the SDK records the known set
// (event.js, known.go) through a proxy that finds the requests with events and does to the
// first of them what the fault says. Once everything is stored that the SDK can have
// stored, it is ended as its documentation says, and the events are read back.
package sdk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
)

// Options of a test.
type Options struct {
	SDK, Fault *regexp.Regexp // which of them; nil is all
	Dir        string         // for data and logs; Postgres' user must be able to enter
	Lanes      int            // runs at a time
	Log        io.Writer      // gets a line for each run
	// Record is a folder for the requests of runs without a fault, in the form of
	// services/ingest/testdata/sdks. Empty records nothing.
	Record string
}

// ErrWrong is returned when the events of an SDK are not those that they must be.
var ErrWrong = errors.New("SDKs with wrong events")

// Run runs the SDKs at the faults. The report is also returned with ErrWrong.
func Run(ctx context.Context, o Options) (_ *Report, err error) {
	chosen := choose(o.SDK)
	report := newReport(chosen, o.Fault)
	if len(report.runs) == 0 {
		return nil, fmt.Errorf("no SDK matches %s at a fault that matches %s", o.SDK, o.Fault)
	}
	t, err := startTools(ctx, chosen)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, t.stop()) }()
	s, err := startService(ctx, o.Dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var lanes []*lane
	for number := range min(o.Lanes, len(report.runs)) {
		l, err := s.newLane(ctx, number)
		if err != nil {
			return nil, err
		}
		lanes = append(lanes, l)
	}
	next := make(chan *run)
	var wg sync.WaitGroup
	var mu sync.Mutex // of the log
	for _, l := range lanes {
		wg.Go(func() {
			for r := range next {
				if err := r.do(ctx, s, l, t, o.Record); err != nil {
					cancel(fmt.Errorf("%s at %s: %w", r.sdk.Name, r.fault.name, err))
					return
				}
				mu.Lock()
				fmt.Fprintln(o.Log, r.line())
				mu.Unlock()
			}
		})
	}
	for _, r := range report.runs {
		select {
		case next <- r:
		case <-ctx.Done():
		}
	}
	close(next)
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	if n := report.failures(); n > 0 {
		return report, fmt.Errorf("%w: %d", ErrWrong, n)
	}
	return report, nil
}

func choose(only *regexp.Regexp) (chosen []*SDK) {
	for i := range sdks {
		if only == nil || only.MatchString(sdks[i].Name) {
			chosen = append(chosen, &sdks[i])
		}
	}
	return chosen
}

// line says how a run went.
func (r *run) line() string {
	lost, twice := r.lostAndTwice()
	what := fmt.Sprintf("%-28s %-7s %d requests, %d hit: %d events", r.sdk.Name, r.fault.name, r.traffic.requests, r.traffic.struck, events-lost)
	if lost > 0 {
		what += fmt.Sprintf(", %d given up", lost)
	}
	if twice > 0 {
		what += fmt.Sprintf(", %d twice", twice)
	}
	if len(r.wrong) > 0 {
		what += "\n  WRONG: " + strings.Join(r.wrong, "\n  WRONG: ")
		if r.output != "" {
			what += "\n  it wrote: " + strings.ReplaceAll(r.output, "\n", "\n    ")
		}
	}
	return what
}
