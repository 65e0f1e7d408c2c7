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

// Detection says how a seeded bug was found.
type Detection struct {
	Bug    string
	Check  string // that failed
	Fault  string // of the round; empty for none
	Rounds int    // up to and including that one
}

// ErrUndetected is returned for a bug that no check found.
var ErrUndetected = errors.New("the bug was not found")

// Detect runs rounds on services that have a bug until a check finds it. Unless
// o.Only is set, only faults that can reveal the bug occur. If no fault can, its
// test is run instead.
func Detect(ctx context.Context, bug bugs.Bug, o Options) (Detection, error) {
	detected := Detection{Bug: bug.Name}
	if o.Only == nil && bug.Faults != "" {
		only, err := regexp.Compile(bug.Faults)
		if err != nil {
			return detected, fmt.Errorf("reading the faults of %s: %w", bug.Name, err)
		}
		o.Only = only
	}
	edited := filepath.Join(o.Dir, "source")
	if err := os.MkdirAll(edited, 0o755); err != nil {
		return detected, fmt.Errorf("making a folder: %w", err)
	}
	overlay, err := bugs.Overlay(edited, bug)
	if err != nil {
		return detected, err
	}
	o.Variant = stack.Variant{Name: filepath.Join("bugs", bug.Name), Tags: Failpoints.Tags, Overlay: overlay}
	if bug.Faults == "" && o.Only == nil {
		detected.Check = "go test " + bug.Test
		return detected, testFails(ctx, o.Variant, bug.Test)
	}
	_, err = Run(ctx, o)
	var found *RoundError
	if errors.As(err, &found) {
		detected.Check, detected.Fault, detected.Rounds = found.Check, found.Fault, found.Round
		return detected, nil
	}
	if err == nil {
		err = fmt.Errorf("%w in %d rounds: %s", ErrUndetected, o.Rounds, bug.Name)
	}
	return detected, err
}

// testFails returns nil if a test fails on services of a variant.
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
		return fmt.Errorf("%w by go test %s", ErrUndetected, test)
	case !bytes.Contains(out, []byte("--- FAIL")):
		return fmt.Errorf("go test %s: %w\n%s", test, err, out)
	}
	return nil
}
