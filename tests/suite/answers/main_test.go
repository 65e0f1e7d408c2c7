// Package answers replays recorded requests against the services behind nginx
// and compares their answers with the recorded ones, byte for byte.
//
// Each file of testdata is a list of requests and their answers; script_test.go
// says how they are written. To add a request, write it without an answer; then
//
//	go test ./suite/answers -update
//
// records all answers, and git diff shows which of them changed.
package answers

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"

	"eventanalytics/tests/harness/stack"
)

var update = flag.Bool("update", false, "record the answers in testdata instead of comparing them")

// settings lift the limits that no request is about, and lower the others so that
// few requests reach them.
var settings = []string{
	"AUTH_CACHE_FOR=0s",       // revocations take effect immediately
	"REDIS_TIMEOUT=10s",       // limits become stricter when Redis is slow
	"WORKER_LOAD_INTERVAL=3s", // the second of two uploads in a row is not visible at once
	"WORKER_POLL_INTERVAL=5s",
	"RATE_LIMIT_REGISTER=1000/s",
	"RATE_LIMIT_LOGIN=1000/s",
	"RATE_LIMIT_ACCOUNT=1000/s",
	"RATE_LIMIT_STATS=1000/s",
	"RATE_LIMIT_SHARE=1000/s", "RATE_LIMIT_SHARE_ADDRESS=1000/s",
	"RATE_LIMIT_LOGIN_FAILURES=2/h burst 2", // the third failed login is a 429
	"MAX_EVENTS=6000",
	"MAX_BODY_BYTES=4194304",
}

// service answers the requests.
var service *stack.Stack

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	ctx := context.Background()
	if err := stack.Build(ctx, "account", "ingest", "syncworker", "stats"); err != nil {
		return 1, err
	}
	// Not t.TempDir: Postgres runs as another user and must be able to enter.
	dir, err := os.MkdirTemp("", "analytics-answers-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		return 1, fmt.Errorf("making a folder for the tests: %w", err)
	}
	defer func() {
		if code == 0 && err == nil {
			_ = os.RemoveAll(dir) // only a temporary folder
		} else {
			fmt.Fprintln(os.Stderr, "logs are kept in", dir)
		}
	}()
	if service, err = stack.Services(ctx, dir, settings...); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, service.Stop()) }()
	return m.Run(), nil
}
