package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// Process is a running program in a session, and so a process group, of its own.
type Process struct {
	Name string

	cmd  *exec.Cmd
	log  string // path
	done chan struct{}
	err  error

	again func(ctx context.Context) (*Process, error) // starts another like it
}

// Start runs a program with the environment env, PATH and HOME. Its output is
// appended to <dir>/<name>.log. On Linux it is asked to end (SIGTERM) when this
// process ends, even if that is killed.
func Start(ctx context.Context, dir, name string, env []string, program string, args ...string) (*Process, error) {
	p := &Process{Name: name, log: filepath.Join(dir, name+".log"), done: make(chan struct{})}
	p.again = func(ctx context.Context) (*Process, error) { return Start(ctx, dir, name, env, program, args...) }
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	defer out.Close() // the program has its own descriptor
	// ctx bounds the start only: Stop ends the process.
	p.cmd = exec.CommandContext(context.WithoutCancel(ctx), program, args...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, out, out
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH") + ":/usr/sbin", "HOME=" + os.Getenv("HOME")}, env...)
	// A session of its own: Linux may share the CPUs among sessions first, as it does
	// among units and containers in production.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	endWithUs(p.cmd.SysProcAttr)
	started := make(chan error)
	go func() {
		// Linux sends the death signal when the thread that started the child ends:
		// this one stays until the child has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.err = p.cmd.Wait()
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	return p, nil
}

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.done }

// PID of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Log returns what the process has written so far.
func (p *Process) Log() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Interrupt does what Ctrl-C in a terminal does: it sends SIGINT to the process and
// to those of its children that stayed in its group.
func (p *Process) Interrupt() error { return syscall.Kill(-p.PID(), syscall.SIGINT) }

// Kill sends SIGKILL to the process, and to none of its children.
func (p *Process) Kill() error { return p.cmd.Process.Kill() }

// Err returns the result of a process that has ended: nil for exit status 0.
func (p *Process) Err() error { return p.err }

// ErrTimeout is returned by Wait.
var ErrTimeout = errors.New("the process is still running")

// Wait waits for the process to end and returns its result, or ErrTimeout.
func (p *Process) Wait(timeout time.Duration) error {
	select {
	case <-p.done:
		return p.err
	case <-time.After(timeout):
		return fmt.Errorf("%s: %w", p.Name, ErrTimeout)
	}
}

// Stop asks the process to end (SIGTERM) and kills it if it does not within 30 s.
func (p *Process) Stop() error {
	select {
	case <-p.done:
		return nil
	default:
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stopping %s: %w", p.Name, err)
	}
	err := p.Wait(30 * time.Second)
	if errors.Is(err, ErrTimeout) {
		return errors.Join(err, p.Kill(), p.Wait(5*time.Second))
	}
	if err != nil {
		return fmt.Errorf("stopping %s: %w\n%s", p.Name, err, p.Log())
	}
	return nil
}
