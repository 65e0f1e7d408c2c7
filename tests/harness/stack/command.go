package stack

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Command runs a program to completion and returns its output. Its environment is
// env, PATH and HOME. A program named without a path is a binary made by Build. The
// error wraps an *exec.ExitError when the exit status is not 0.
func Command(ctx context.Context, env []string, program string, args ...string) (string, error) {
	if filepath.Base(program) == program {
		var err error
		if program, err = binary(program); err != nil {
			return "", err
		}
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}, env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("running %s: %w", filepath.Base(program), err)
	}
	return string(out), nil
}
