package private

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"go.uber.org/zap"
)

// process is a started child.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // how it ended; to be read after done
}

// start runs a program as the account. If the system supports it, the child gets
// onDeath when this process ends.
func (a account) start(program string, args []string, out *os.File, onDeath syscall.Signal) (*process, error) {
	cmd := exec.Command(program, args...) //nolint:gosec // a binary findBinaries found
	cmd.Dir = "/"                         // the account may not see our working folder
	// Nothing from our environment: no secret, no PGPORT, no locale.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = a.attributes()
	endWithUs(cmd.SysProcAttr, a, onDeath)

	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// Linux sends the death signal when the thread that started the child
		// ends, so this one must live until the child has ended.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			close(p.done)
		}
	}()
	return p, <-started
}

func (p *process) signal(s syscall.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signalling %s: %w", filepath.Base(p.cmd.Path), err)
	}
	return nil
}

// end stops a server by the steps, until one has an effect.
func (p *process) end(steps []shutdownStep, log *zap.Logger) error {
	for _, step := range steps {
		if err := p.signal(step.signal); err != nil {
			return err
		}
		select {
		case <-p.done:
			return nil
		case <-time.After(step.timeout):
			log.Warn("Postgres is not stopping", zap.Stringer("signal", step.signal))
		}
	}
	<-p.done // nothing survives the last signal
	return nil
}

type shutdownStep struct {
	signal  syscall.Signal
	timeout time.Duration
}

// shutdown lists how a server is told to stop, with increasing force: fast,
// immediately, killed.
var shutdown = []shutdownStep{
	{syscall.SIGINT, fastTimeout},
	{syscall.SIGQUIT, immediateTimeout},
	{syscall.SIGKILL, time.Second},
}

// clearOrphans stops what is left of an earlier server on the data folder whose
// parent was killed: the server itself, or its children. The caller holds the
// lock, so no one else owns them.
func clearOrphans(data string, log *zap.Logger) error {
	postmaster, err := readPID(data)
	if err != nil {
		return err
	}
	for _, step := range shutdown {
		left := serversOn(data, postmaster)
		if len(left) == 0 {
			break
		}
		log.Warn("stopping a Postgres left by an earlier run", zap.Ints("pid", left), zap.Stringer("signal", step.signal))
		for _, pid := range left {
			// A postmaster stops its own children; without one we do.
			if pid != postmaster && alive(postmaster) && step.signal != syscall.SIGKILL {
				continue
			}
			if err := syscall.Kill(pid, step.signal); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("stopping Postgres %d, left by an earlier run: %w", pid, err)
			}
		}
		for deadline := time.Now().Add(step.timeout); time.Now().Before(deadline); time.Sleep(readyPause) {
			if left = serversOn(data, postmaster); len(left) == 0 {
				break
			}
		}
	}
	if left := serversOn(data, postmaster); len(left) > 0 {
		return fmt.Errorf("processes %v, left by an earlier run, still use %s", left, data)
	}
	// Postgres considers its pid file stale unless that number now belongs to
	// another process of its user.
	if postmaster > 0 && alive(postmaster) {
		if err := os.Remove(filepath.Join(data, "postmaster.pid")); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("removing a stale pid file: %w", err)
		}
	}
	return nil
}

// readPID returns the process number in the data folder's postmaster.pid, 0 when
// there is none.
func readPID(data string) (int, error) {
	content, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("reading Postgres' pid file: %w", err)
	}
	line, _, _ := bytes.Cut(content, []byte("\n"))
	pid, err := strconv.Atoi(string(bytes.TrimSpace(line)))
	if err != nil || pid <= 0 {
		return 0, nil //nolint:nilerr // a torn file: Postgres will report it
	}
	return pid, nil
}

func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return pid > 0 && (err == nil || errors.Is(err, syscall.EPERM))
}
