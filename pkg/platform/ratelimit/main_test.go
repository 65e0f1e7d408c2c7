package ratelimit

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"
)

// shared is a real server, in which each test has a database of its own.
var (
	shared    *redisServer
	databases atomic.Int64
)

// newDatabase returns the URL of an empty database.
func newDatabase() string { return fmt.Sprintf("%s?db=%d", shared.url, databases.Add(1)) }

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "ratelimit-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if shared, err = startRedis(filepath.Join(dir, "redis.sock")); err != nil {
		fmt.Fprintln(os.Stderr, "starting redis-server, which these tests need:", err)
		return 1
	}
	code := m.Run()
	shared.stop()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return code
}

type redisServer struct {
	cmd *exec.Cmd
	url string
}

// startRedis starts a redis-server that listens on a socket and keeps nothing.
func startRedis(socket string) (*redisServer, error) {
	cmd := exec.CommandContext(context.Background(), "redis-server", "--port", "0", "--unixsocket", socket, "--save", "", "--databases", "10000", "--dir", filepath.Dir(socket))
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &redisServer{cmd: cmd, url: "unix://" + socket}
	client := redis.NewClient(&redis.Options{Network: "unix", Addr: socket})
	defer func() { _ = client.Close() }()
	for start := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		err := client.Ping(context.Background()).Err()
		if err == nil {
			return s, nil
		}
		if time.Since(start) > 10*time.Second {
			s.stop()
			return nil, err
		}
	}
}

func (s *redisServer) stop() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}
