package sdk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"eventanalytics/pkg/client"
	"eventanalytics/pkg/platform/failpoint"
	"eventanalytics/tests/harness/stack"
)

// lane is where one run after the other takes place: an ingest service with failpoints, so
// that halting it disturbs no other lane, nginx before it, and the proxy before that.
type lane struct {
	ingest     *stack.Process
	failpoints string // folder
	gateway    string // host:port
	nginx      *stack.Process
	proxy      *proxy

	away, limited string // services that refuse, host:port

	halt sync.Mutex // one request at a time halts the service
}

// breakable are binaries with failpoints, the same as those of the fault rounds.
var breakable = stack.Variant{Name: "faults", Tags: "failpoints"}

func (s *service) newLane(ctx context.Context, number int) (*lane, error) {
	dir := filepath.Join(s.dir, "lane-"+strconv.Itoa(number))
	l := &lane{failpoints: filepath.Join(dir, "failpoints"), away: s.away, limited: s.limited}
	if err := os.MkdirAll(l.failpoints, 0o755); err != nil {
		return nil, fmt.Errorf("making a folder: %w", err)
	}
	ingest, address, err := s.startIngest(ctx, dir, "FAILPOINTS="+l.failpoints)
	if err != nil {
		return nil, err
	}
	l.ingest = ingest
	port, err := stack.FreePort()
	if err != nil {
		return nil, err
	}
	l.gateway = at(port)
	l.nginx, err = stack.StartGateway(ctx, dir, stack.Gateway{
		Listen: l.gateway, Account: []string{s.stack.Addresses["account"]}, Ingest: []string{address}, Stats: []string{s.stack.Addresses["stats"]},
	})
	if err != nil {
		return nil, err
	}
	s.stops = append(s.stops, l.nginx.Stop)
	if l.proxy, err = newProxy(l); err != nil {
		return nil, err
	}
	s.stops = append(s.stops, l.proxy.web.Close)
	return l, nil
}

func at(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

// startIngest starts an ingest service that has failpoints, with settings of its own.
func (s *service) startIngest(ctx context.Context, dir string, env ...string) (*stack.Process, string, error) {
	program, err := breakable.Binary("ingest")
	if err != nil {
		return nil, "", err
	}
	port, err := stack.FreePort()
	if err != nil {
		return nil, "", err
	}
	address := at(port)
	env = append([]string{"ADDR=" + address, "DATABASE_URL=" + s.stack.DatabaseURL, "REDIS_URL=" + s.stack.RedisURL}, append(s.env, env...)...)
	p, err := stack.Start(ctx, dir, "ingest", env, program)
	if err != nil {
		return nil, "", err
	}
	s.stops = append(s.stops, p.Stop)
	c, err := client.New(client.Config{URL: "http://" + address})
	if err != nil {
		return nil, "", err
	}
	if err := stack.Poll(ctx, time.Minute, func() error { return c.Ready(ctx) }); err != nil {
		return nil, "", fmt.Errorf("starting an ingest service: %w\n%s", err, p.Log())
	}
	return p, address, nil
}

// halting arms the lane's service to halt before its next commit. The channel then gets
// true, or false when done is closed first.
func (l *lane) halting(done <-chan struct{}) <-chan bool {
	point := filepath.Join(l.failpoints, string(failpoint.IngestBeforeCommit))
	halted := make(chan bool, 1)
	err := os.WriteFile(point+".new", []byte("stop"), 0o600)
	if err = errors.Join(err, os.Rename(point+".new", point)); err != nil {
		panic(err) // of a folder of ours
	}
	go func() {
		defer func() { _, _ = os.Remove(point), os.Remove(point+".hit") }()
		for {
			if _, err := os.Stat(point + ".hit"); err == nil && l.stopped() {
				halted <- true
				return
			}
			select {
			case <-done:
				if os.Remove(point) == nil { // and nothing hits it any more
					halted <- false
					return
				}
			case <-time.After(time.Millisecond):
			}
		}
	}()
	return halted
}

// resume continues the lane's service.
func (l *lane) resume() { _ = syscall.Kill(l.ingest.PID(), syscall.SIGCONT) } // it runs until the lane ends

// stopped says whether the lane's service is halted.
func (l *lane) stopped() bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", l.ingest.PID()))
	_, rest, _ := strings.Cut(string(stat), ") ")
	return err == nil && strings.HasPrefix(rest, "T")
}
