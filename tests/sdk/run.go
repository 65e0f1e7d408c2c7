package sdk

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"eventanalytics/pkg/client"
	"eventanalytics/tests/harness/stack"
)

// run is one SDK at one fault.
type run struct {
	sdk     *SDK
	fault   fault
	base    time.Time // of event 0
	begun   time.Time
	traffic *traffic

	counts map[int]int // stored events by number
	wrong  []string
	output string // of the SDK
}

const (
	// settling bounds how long an SDK may take to have everything stored. Some wait for
	// half a minute before they try again.
	settling = 2 * time.Minute
	// ending bounds how long it may take to end.
	ending = time.Minute
)

// do runs the SDK in a lane and checks what came of it. The error is of the test itself.
func (r *run) do(ctx context.Context, s *service, l *lane, tools *tools, folder string) error {
	scope := client.ScopeIngest
	if r.sdk.place == browser {
		scope = "browser"
	}
	p, err := s.newProject(ctx, r.sdk.Name+" "+r.fault.name, scope)
	if err != nil {
		return err
	}
	r.traffic = newTraffic(r.fault, p.sdk)
	r.traffic.recording = folder != "" && r.fault.strikes == 0
	l.proxy.now.Store(r.traffic)
	defer l.proxy.now.Store(nil)
	r.begun = time.Now()
	r.base = r.begun.UTC().AddDate(0, 0, -2).Truncate(time.Second)
	if err := r.record(ctx, tools, l.proxy.url, p.sdk); err != nil {
		r.wrong = append(r.wrong, err.Error())
	}
	rows, ids, err := r.stored(ctx, "http://"+l.gateway, p)
	if err != nil {
		return err
	}
	r.traffic.mu.Lock()
	defer r.traffic.mu.Unlock()
	r.wrong = slices.Concat(r.wrong, r.check(rows), r.checkUsers(rows, ids))
	if r.fault.strikes > 0 && r.traffic.struck == 0 {
		r.wrong = append(r.wrong, "the fault did not strike")
	}
	if r.traffic.recording {
		return r.write(folder)
	}
	return nil
}

// record starts the SDK, waits until all is stored that it can store, and ends it.
func (r *run) record(ctx context.Context, tools *tools, url, key string) error {
	ctx, cancel := context.WithTimeout(ctx, settling+ending)
	defer cancel()
	process, err := r.program(ctx, tools, url, key)
	if err != nil {
		return err
	}
	var output bytes.Buffer
	process.Stderr = &output
	in, err := process.StdinPipe()
	if err != nil {
		return fmt.Errorf("starting the SDK: %w", err)
	}
	out, err := process.StdoutPipe()
	if err != nil {
		return fmt.Errorf("starting the SDK: %w", err)
	}
	if err := process.Start(); err != nil {
		return fmt.Errorf("starting the SDK: %w", err)
	}
	recorded, ended := make(chan bool, 1), make(chan string, 1)
	go func() {
		var rest strings.Builder
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if lines.Text() == "recorded" {
				recorded <- true
				continue
			}
			rest.WriteString(lines.Text() + "\n")
		}
		close(recorded)
		ended <- rest.String()
	}()
	var unsettled error
	if <-recorded {
		unsettled = r.settle(ctx, ended)
	}
	_ = in.Close()
	text := <-ended
	err = process.Wait()
	r.output = strings.TrimSpace(text + output.String())
	if err != nil {
		return fmt.Errorf("the SDK: %w", err)
	}
	return unsettled
}

// settle waits until all is stored that the SDK can have stored, or the SDK has ended.
func (r *run) settle(ctx context.Context, ended chan string) error {
	return stack.Poll(ctx, settling, func() error {
		if r.traffic.settled(events, r.sdk.losesAt(r.fault.name)) || len(ended) > 0 {
			return nil
		}
		return errors.New("not all that was recorded is stored")
	})
}

// program is what uses the SDK.
func (r *run) program(ctx context.Context, tools *tools, url, key string) (*exec.Cmd, error) {
	number := make([]byte, 4)
	_, _ = rand.Read(number) // never fails
	text, err := json.Marshal(map[string]any{
		"sdk": r.sdk.script, "variant": r.sdk.variant, "url": url, "key": key, "count": events,
		"base": r.base.UnixMilli(), "run": hex.EncodeToString(number),
		"pages": tools.pages, "chromium": tools.chromium, "strict": r.fault.strikes == 0 || r.fault.name == "slow",
	})
	if err != nil {
		return nil, err
	}
	program, args := "node", []string{"run.js"}
	if r.sdk.place == golang {
		program, args = tools.golang, nil
	}
	process := exec.CommandContext(ctx, program, append(args, string(text))...)
	process.Dir = filepath.Join(tools.dir, string(r.sdk.place))
	process.WaitDelay = time.Second // for what it started and left behind
	return process, nil
}
