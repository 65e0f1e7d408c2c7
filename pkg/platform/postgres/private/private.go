// Package private runs a private Postgres server: real binaries found on this
// machine, data in the caller's folder, reachable only by this user over a Unix
// socket. The standalone and the tests use it.
//
// Postgres refuses to run as root, so the child of a root process drops its
// privileges. The server ends with this process, even if that is killed; the next
// Start cleans up after a crash.
package private

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/zap"

	"eventanalytics/pkg/platform/lockfile"
)

// Database is the name of the database Start creates.
const Database = "analytics"

const superuser = "postgres"

// Config of a private server.
type Config struct {
	// Dir holds the server's data ("data"), log ("server.log") and socket. It is
	// created if missing, and serves one server at a time.
	Dir string
	// SocketDir holds the socket and nothing else: it is closed to other users.
	// Defaults to Dir/run, or to a new temporary folder if that path cannot be a
	// socket's: because it is too long, or has a comma.
	SocketDir string
	// Log defaults to none.
	Log *zap.Logger
	// Settings are server parameters (postgresql.conf) in addition to our own.
	Settings map[string]string
}

// ErrInUse is returned by Start while another process runs a server in Dir.
var ErrInUse = errors.New("another process is using this Postgres folder")

// How long a server gets to stop after each signal.
const (
	fastTimeout      = 30 * time.Second // SIGINT: rolls back, writes a checkpoint
	immediateTimeout = 10 * time.Second // SIGQUIT: leaves recovery to the next start
)

// Server is a running Postgres.
type Server struct {
	cfg       Config
	bin       string // folder of the binaries
	account   account
	lock      *lockfile.Lock
	socketDir string
	tempDir   string // created for the socket, removed by Stop; often empty
	process   *process
	stop      sync.Once
	stopErr   error
}

// Start runs a server on cfg.Dir and returns once it accepts connections and has
// the database. The first time it creates the data; later it recovers what it
// finds, even after a crash, for as long as ctx allows. ctx bounds only the start;
// Stop ends the server.
func Start(ctx context.Context, cfg Config) (_ *Server, err error) {
	if cfg.Log == nil {
		cfg.Log = zap.NewNop()
	}
	s := &Server{cfg: cfg}
	if s.cfg.Dir, err = filepath.Abs(cfg.Dir); err != nil {
		return nil, fmt.Errorf("finding the Postgres folder: %w", err)
	}
	if s.bin, err = findBinaries(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(s.cfg.Dir, 0o711); err != nil { //nolint:gosec // as root another user works below it; nobody can list it
		return nil, fmt.Errorf("creating the Postgres folder: %w", err)
	}
	if s.lock, err = lockfile.Take(filepath.Join(s.cfg.Dir, "lock")); errors.Is(err, lockfile.ErrTaken) {
		return nil, fmt.Errorf("%w: %s", ErrInUse, s.cfg.Dir)
	} else if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop())
		}
	}()
	if err := s.chooseSocketDir(); err != nil {
		return nil, err
	}
	if s.account, err = chooseAccount(s.data(), s.bin, s.cfg.Dir, filepath.Dir(s.socketDir)); err != nil {
		return nil, err
	}
	if err := clearOrphans(s.data(), cfg.Log); err != nil {
		return nil, err
	}
	if err := s.clearSocketDir(); err != nil {
		return nil, err
	}
	if err := s.initialize(ctx); err != nil {
		return nil, err
	}
	if err := s.launch(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Server) data() string { return filepath.Join(s.cfg.Dir, "data") }

// URL is the superuser's, of the database "analytics".
func (s *Server) URL() string { return s.url(Database) }

func (s *Server) url(database string) string { return socketURL(s.socketDir, database) }

func socketURL(dir, database string) string {
	// libpq and pgx take "+" literally.
	host := strings.ReplaceAll(url.QueryEscape(dir), "+", "%20")
	return "postgres://" + superuser + "@/" + database + "?host=" + host
}

// RunningURL returns the URL of the server that another process runs in dir.
func RunningURL(dir string) (string, error) {
	// Its fifth line is the folder of the socket.
	content, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	if err != nil {
		return "", fmt.Errorf("looking for a running Postgres: %w", err)
	}
	lines := strings.Split(string(content), "\n")
	if len(lines) < 5 || lines[4] == "" {
		return "", fmt.Errorf("looking for a running Postgres: %s is still starting", dir)
	}
	return socketURL(lines[4], Database), nil
}

// Done is closed once the server has ended, whether stopped or not.
func (s *Server) Done() <-chan struct{} { return s.process.done }

// PID is the id of the server's first process, the parent of the others.
func (s *Server) PID() int { return s.process.cmd.Process.Pid }

// Stop shuts the server down fast (open transactions are rolled back) and waits
// for it. It is safe to call twice.
func (s *Server) Stop() error { return s.end(shutdown) }

// Abandon is Stop without a checkpoint, for data that nobody will read: the next
// Start would have to recover it.
func (s *Server) Abandon() error { return s.end(shutdown[1:]) }

func (s *Server) end(steps []shutdownStep) error {
	s.stop.Do(func() {
		if s.process != nil {
			s.stopErr = s.process.end(steps, s.cfg.Log)
		}
		if s.tempDir != "" {
			s.stopErr = errors.Join(s.stopErr, os.RemoveAll(s.tempDir))
		}
		s.stopErr = errors.Join(s.stopErr, s.lock.Close())
	})
	return s.stopErr
}

const socketName = ".s.PGSQL.5432"

// maxSocketPath is the maximum length of a Unix socket's path in bytes; macOS
// allows 4 fewer.
const maxSocketPath = 103

func (s *Server) chooseSocketDir() error {
	s.socketDir = s.cfg.SocketDir
	if s.socketDir == "" {
		s.socketDir = filepath.Join(s.cfg.Dir, "run")
	}
	dir, err := filepath.Abs(s.socketDir)
	if err != nil {
		return fmt.Errorf("finding the socket folder: %w", err)
	}
	// A comma in a URL separates hosts.
	if s.socketDir = dir; len(filepath.Join(dir, socketName)) > maxSocketPath || strings.Contains(dir, ",") {
		return s.makeTempDir()
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("creating the socket folder: %w", err)
	}
	return nil
}

// clearSocketDir removes what a crash left behind; no server is running on our
// data now.
func (s *Server) clearSocketDir() error {
	for _, name := range []string{socketName, socketName + ".lock"} {
		if err := os.Remove(filepath.Join(s.socketDir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("clearing the socket folder: %w", err)
		}
	}
	return s.account.own(s.socketDir)
}

func (s *Server) makeTempDir() error {
	parent := os.TempDir()
	if len(parent) > maxSocketPath-40 {
		parent = "/tmp"
	}
	dir, err := os.MkdirTemp(parent, "analytics-pg-")
	if err != nil {
		return fmt.Errorf("creating the socket folder: %w", err)
	}
	s.socketDir, s.tempDir = dir, dir
	return nil
}

// maxLog is the size in bytes at which server.log becomes server.log.1.
const maxLog = 16 << 20

func (s *Server) openLog() (*os.File, int64, error) {
	path := filepath.Join(s.cfg.Dir, "server.log")
	if info, err := os.Stat(path); err == nil && info.Size() > maxLog {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, 0, fmt.Errorf("rotating the Postgres log: %w", err)
		}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, 0, fmt.Errorf("opening the Postgres log: %w", err)
	}
	start, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("opening the Postgres log: %w", err), f.Close())
	}
	return f, start, nil
}

// errLingering is returned while children of a killed server still hold its
// shared memory; they exit on their own once they notice.
var errLingering = errors.New("children of the previous server are still running")

const (
	lingeringMessage = "pre-existing shared memory block"
	lingeringLimit   = 15 * time.Second
	lingeringPause   = 100 * time.Millisecond
)

// launch starts the server and retries while its predecessor's children linger.
func (s *Server) launch(ctx context.Context) error {
	for deadline := time.Now().Add(lingeringLimit); ; {
		err := s.launchOnce(ctx)
		if !errors.Is(err, errLingering) || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(lingeringPause):
		}
	}
}

func (s *Server) launchOnce(ctx context.Context) error {
	log, start, err := s.openLog()
	if err != nil {
		return err
	}
	defer log.Close()
	settings := map[string]string{
		"listen_addresses":        "",
		"port":                    "5432",
		"unix_socket_directories": `"` + strings.ReplaceAll(s.socketDir, `"`, `""`) + `"`,
		"unix_socket_permissions": "0700",
		"logging_collector":       "off",
		"log_destination":         "stderr",
		"timezone":                "UTC",
		"log_timezone":            "UTC",
	}
	for name, value := range s.cfg.Settings {
		settings[name] = value
	}
	args := []string{"-D", s.data()}
	for name, value := range settings {
		args = append(args, "-c", name+"="+value)
	}
	s.process, err = s.account.start(filepath.Join(s.bin, "postgres"), args, log, syscall.SIGINT)
	if err != nil {
		return fmt.Errorf("starting Postgres: %w", err)
	}
	if err := s.awaitReady(ctx); err != nil {
		said := tail(log, start)
		if strings.Contains(said, lingeringMessage) {
			err = fmt.Errorf("%w: %w", errLingering, err)
		}
		return fmt.Errorf("starting Postgres: %w%s", err, said)
	}
	return nil
}

// tail returns the last lines logged after start.
func tail(log io.ReaderAt, start int64) string {
	text, err := io.ReadAll(io.NewSectionReader(log, start, maxLog))
	if err != nil {
		return ""
	}
	return lastLines(string(text))
}

func lastLines(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	lines = slices.DeleteFunc(lines, func(l string) bool { return strings.TrimSpace(l) == "" })
	if len(lines) == 0 {
		return ""
	}
	return "\n  " + strings.Join(lines[max(0, len(lines)-20):], "\n  ")
}

var errStarting = errors.New("the server is starting")

// says reports whether the server's own file has a status. Asking by connecting
// would leave a FATAL in its log for each time that it was too early.
func (s *Server) says(status string) bool {
	// The status is on the eighth line, padded.
	content, err := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
	lines := strings.Split(string(content), "\n")
	return err == nil && len(lines) > 7 && strings.TrimSpace(lines[7]) == status
}

// awaitReady waits until the server accepts connections (after a crash it
// recovers first) and creates the database.
func (s *Server) awaitReady(ctx context.Context) error {
	for waited := time.Duration(0); ; waited += readyPause {
		err := errStarting
		if s.says("ready") {
			err = s.createDatabase(ctx)
		}
		var refused *pgconn.PgError
		if err == nil || errors.As(err, &refused) && refused.Code[:2] == "53" { // such as a full disk, which waiting does not help
			return err
		}
		select {
		case <-s.process.done:
			return fmt.Errorf("the server ended: %w", s.process.err)
		case <-ctx.Done():
			return fmt.Errorf("%w (last: %w)", ctx.Err(), err)
		case <-time.After(readyPause):
		}
		if waited%(10*time.Second) == 0 && waited > 0 {
			s.cfg.Log.Info("Postgres is not ready yet", zap.Error(err))
		}
	}
}

const readyPause = 20 * time.Millisecond

const (
	databaseExistsSQL = `SELECT EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = $1)`
	createDatabaseSQL = `CREATE DATABASE ` + Database
)

func (s *Server) createDatabase(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.url("postgres"))
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	defer conn.Close(ctx)
	var exists bool
	if err := conn.QueryRow(ctx, databaseExistsSQL, Database).Scan(&exists); err != nil {
		return fmt.Errorf("looking for the database: %w", err)
	}
	if exists {
		return nil
	}
	if _, err := conn.Exec(ctx, createDatabaseSQL); err != nil {
		return fmt.Errorf("creating the database: %w", err)
	}
	return nil
}
