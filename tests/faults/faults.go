// Package faults breaks a running service in every way it can, over and over,
// while clients post, and then checks whether it kept its promise: every event that
// was acknowledged is counted exactly once.
//
// A round has a project of its own, some clients and one fault. The clients
// write down what they are about to send and what they were told, each with an
// fsync (journal.go); when the fault is over and everything has drained, the
// checker compares these journals with the ledger, the outbox, the files of the
// warehouse and the answers of each stats replica (check.go, answers.go).
//
// The services are built with the tag "failpoints" (see pkg/platform/failpoint). All
// randomness comes from the seed: the same seed plans the same faults and uploads,
// though not the same interleaving.
package faults

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"eventanalytics/tests/harness/stack"
)

// Options of a run.
type Options struct {
	Rounds int    // at least 1
	Seed   uint64 // of the first round; each following one has the next
	// Only keeps the faults whose names match; nil keeps all.
	Only *regexp.Regexp
	// Dir keeps journals and logs; the contents of mounted disks are lost when the
	// run ends. Postgres runs as another user, which must be able to enter Dir.
	Dir     string
	Variant stack.Variant // of the services
	Log     io.Writer     // gets a line for each round
}

// Failpoints is the variant that can be killed anywhere.
var Failpoints = stack.Variant{Name: "faults", Tags: "failpoints"}

// RoundError is a broken promise.
type RoundError struct {
	Seed  uint64 // with Fault, plans the same round
	Round int    // of the run, from 1
	Fault string // empty before the first round and after the last
	Check string // that found it
	Err   error
}

func (f *RoundError) Error() string {
	if f.Fault == "" {
		return fmt.Sprintf("%s: %v", f.Check, f.Err)
	}
	return fmt.Sprintf("round %d (%s): %s: %v; bin/fault-test --rounds=1 --seed=%d --only='^%s$' plans it again",
		f.Round, f.Fault, f.Check, f.Err, f.Seed, f.Fault)
}

func (f *RoundError) Unwrap() error { return f.Err }

// roundTimeout bounds a round on a busy machine.
const roundTimeout = 3 * time.Minute

// Run runs rounds until one fails, and reports everything up to that point. The
// error is a *RoundError unless the environment is to blame.
func Run(ctx context.Context, o Options) (report *Report, err error) {
	report = newReport(o.Seed)
	kinds := selected(o.Only)
	if len(kinds.points)+len(kinds.others) == 0 {
		return report, errors.New("no fault has such a name")
	}
	if err := o.Variant.Build(ctx, "account", "ingest", "syncworker", "stats"); err != nil {
		return report, err
	}
	c, err := newCluster(ctx, o.Dir, o.Variant)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	run := &run{cluster: c, report: report, dir: filepath.Join(o.Dir, "journal")}
	if err := os.MkdirAll(run.dir, 0o755); err != nil {
		return report, err
	}
	if err := run.register(ctx); err != nil {
		return report, err
	}
	if c.spare, err = run.newProject(ctx, 0); err != nil {
		return report, err
	}
	if err := errors.Join(limited(ctx, c.proxied.Listen), run.onceForEach(ctx)); err != nil {
		return report, &RoundError{Seed: o.Seed, Check: checkOf(err), Err: err}
	}
	for n := range o.Rounds {
		seed := o.Seed + uint64(n)
		if err := run.logged(ctx, n+1, seed, kinds.of(seed), o.Log); err != nil {
			return report, err
		}
	}
	if o.Only == nil {
		for n, r := range regressions {
			if err := run.logged(ctx, o.Rounds+n+1, r.seed, named(r.fault), o.Log); err != nil {
				return report, err
			}
		}
	}
	if err := run.checkAll(ctx); err != nil {
		return report, &RoundError{Seed: o.Seed, Round: o.Rounds, Check: checkOf(err), Err: err}
	}
	return report, nil
}

// logged is round with a line in the log, and with the reason of its failure.
func (r *run) logged(ctx context.Context, number int, seed uint64, f fault, log io.Writer) error {
	began := time.Now()
	err := r.round(ctx, number, seed, f)
	fmt.Fprintf(log, "round %d, seed %d, %s: %s\n", number, seed, f.name, time.Since(began).Round(time.Millisecond))
	if err != nil {
		return &RoundError{Seed: seed, Round: number, Fault: f.name, Check: checkOf(err), Err: err}
	}
	return nil
}

// newRand returns the random numbers of one part of a round.
func newRand(seed uint64, part int) *rand.Rand { return rand.New(rand.NewPCG(seed, uint64(part))) }
