package faults

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"eventanalytics/tests/faults/bugs"
	"eventanalytics/tests/harness/stack"
)

// Catch says how a seeded bug was found.
type Catch struct {
	Bug    string
	Check  string // that failed
	Fault  string // of the round; empty for none
	Rounds int    // until then
}

// ErrEscaped is returned for a bug that no check found.
var ErrEscaped = errors.New("the bug was not found")

// Hunt runs rounds on services that have a bug until a check finds it. Only the
// faults in which the bug can show strike, unless o.Only says otherwise. A bug that
// no fault can show is left to its test.
func Hunt(ctx context.Context, bug bugs.Bug, o Options) (Catch, error) {
	caught := Catch{Bug: bug.Name}
	if o.Only == nil && bug.Faults != "" {
		only, err := regexp.Compile(bug.Faults)
		if err != nil {
			return caught, fmt.Errorf("reading the faults of %s: %w", bug.Name, err)
		}
		o.Only = only
	}
	edited := filepath.Join(o.Dir, "source")
	if err := os.MkdirAll(edited, 0o755); err != nil {
		return caught, fmt.Errorf("making a folder: %w", err)
	}
	overlay, err := bugs.Overlay(edited, bug)
	if err != nil {
		return caught, err
	}
	o.Variant = stack.Variant{Name: filepath.Join("bugs", bug.Name), Tags: Failpoints.Tags, Overlay: overlay}
	if bug.Faults == "" && o.Only == nil {
		caught.Check = "go test " + bug.Test
		return caught, testFails(ctx, o.Variant, bug.Test)
	}
	_, err = Run(ctx, o)
	var found *RoundError
	if errors.As(err, &found) {
		caught.Check, caught.Fault, caught.Rounds = found.Check, found.Fault, found.Round
		return caught, nil
	}
	if err == nil {
		err = fmt.Errorf("%w in %d rounds: %s", ErrEscaped, o.Rounds, bug.Name)
	}
	return caught, err
}

// testFails returns nil when a test fails on services of a variant.
func testFails(ctx context.Context, v stack.Variant, test string) error {
	root, err := stack.Root()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-count=1"}, strings.Fields(test)...)...)
	cmd.Dir = filepath.Join(root, "tests")
	cmd.Env = append(os.Environ(), "GOWORK=off", "BUILD_NAME="+v.Name, "BUILD_OVERLAY="+v.Overlay)
	out, err := cmd.CombinedOutput()
	switch {
	case err == nil:
		return fmt.Errorf("%w by go test %s", ErrEscaped, test)
	case !bytes.Contains(out, []byte("--- FAIL")):
		return fmt.Errorf("go test %s: %w\n%s", test, err, out)
	}
	return nil
}
