package standalone

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"eventanalytics/pkg/platform/freeport"
	"eventanalytics/pkg/platform/logging"
	"eventanalytics/pkg/platform/server"
	"eventanalytics/services/account/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func freePort(t *testing.T) uint16 {
	t.Helper()
	port, err := freeport.Take()
	require.NoError(t, err)
	return uint16(port)
}

func testOptions(t *testing.T) Options {
	t.Helper()
	return Options{
		Port: freePort(t), DataDir: filepath.Join(t.TempDir(), "data"), MaxConns: 8,
		MetricsAddr: net.JoinHostPort("127.0.0.1", strconv.Itoa(int(freePort(t)))),
		Connections: server.ConnectionConfig{Max: 100, PerAddress: 100},
	}
}

// running is a standalone in this process.
type running struct {
	ended  chan error
	cancel context.CancelFunc
	text   string // of the welcome
}

// start returns once the welcome is printed.
func start(t *testing.T, o Options) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	r := &running{ended: make(chan error, 1), cancel: cancel}
	out, in := io.Pipe()
	go func() {
		err := Run(ctx, o, logging.Config{Level: "error", Format: "console"}, in)
		_ = in.Close()
		r.ended <- err
	}()
	t.Cleanup(func() {
		cancel()
		_ = out.Close()
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		r.text += lines.Text() + "\n"
		if strings.HasPrefix(lines.Text(), "Ctrl-C") {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return r
		}
	}
	t.Fatal(r.wait(t))
	return nil
}

func (r *running) wait(t *testing.T) error {
	t.Helper()
	select {
	case err := <-r.ended:
		return err
	case <-time.After(time.Minute):
		t.Fatal("the standalone does not stop")
		return nil
	}
}

func (r *running) stop(t *testing.T) {
	t.Helper()
	r.cancel()
	require.NoError(t, r.wait(t))
}

// paste runs the welcome's commands in a shell.
func (r *running) paste(t *testing.T) string {
	t.Helper()
	_, commands, found := strings.Cut(r.text, "Your first event:\n")
	require.True(t, found)
	commands, _, _ = strings.Cut(commands, "\nCtrl-C")
	commands = strings.Replace(commands, "\nHow many users were active today, including that event:\n", "", 1)
	out, err := exec.Command("bash", "-c", commands).CombinedOutput()
	require.NoError(t, err, string(out))
	return string(out)
}

func TestLifeOfTheStandalone(t *testing.T) {
	o := testOptions(t)
	r := start(t, o)
	answers := r.paste(t)
	require.Contains(t, answers, `"accepted":1`)
	require.Contains(t, answers, `"dau":1`)
	require.Equal(t, 200, status(t, o.url()+"/readyz"))
	require.Equal(t, 200, status(t, o.url()+"/healthz"))
	require.Equal(t, 404, status(t, o.url()+"/metrics"))

	metrics := body(t, "http://"+o.MetricsAddr+"/metrics")
	for _, service := range []string{"account", "ingest", "stats"} {
		require.Regexp(t, `analytics_http_requests_total\{[^}]*service="`+service+`"`, metrics)
	}
	require.Contains(t, metrics, `service="syncworker"`)

	t.Run("another on the same folder is refused", func(t *testing.T) {
		other := o
		other.Port = freePort(t)
		err := Run(t.Context(), other, logging.Config{Level: "error", Format: "console"}, io.Discard)
		require.ErrorContains(t, err, "another standalone is running on DATA_DIR")
		require.Equal(t, 200, status(t, o.url()+"/readyz"), "the first was disturbed")
	})
	t.Run("a user can be created beside it", func(t *testing.T) {
		var out strings.Builder
		require.NoError(t, CreateUser(t.Context(), o, store.NewUser{Username: "beside", Password: "long enough for it"}, zap.NewNop(), &out))
		require.Regexp(t, `^created user [1-9]\d* \(beside\), project [1-9]\d*\n$`, out.String())
	})

	r.stop(t)
	require.NoFileExists(t, filepath.Join(o.postgresDir(), "data", "postmaster.pid"), "Postgres is still running")
	_, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(int(o.Port))))
	require.Error(t, err)

	var out strings.Builder
	require.NoError(t, CreateUser(t.Context(), o, store.NewUser{Username: "without", Password: "long enough for it"}, zap.NewNop(), &out))
	require.Regexp(t, `^created user [1-9]\d* \(without\), project [1-9]\d*\n$`, out.String())
	require.NoFileExists(t, filepath.Join(o.postgresDir(), "data", "postmaster.pid"))

	// The same data again: the user is still there, and user 42 counts once.
	first := r
	r = start(t, o)
	require.NotContains(t, r.text, "Your first event", "the welcome is printed once")
	require.Contains(t, r.text, o.url()+"/docs")
	server, err := os.ReadFile(filepath.Join(o.postgresDir(), "server.log"))
	require.NoError(t, err)
	require.NotRegexp(t, `ERROR: |FATAL: +the database system is starting up`, string(server), "of starts that are in order")
	require.Contains(t, first.paste(t), `"dau":1`)
	postmaster := postmaster(t, o)
	require.NoError(t, syscall.Kill(postmaster, syscall.SIGQUIT))
	require.ErrorContains(t, r.wait(t), "Postgres ended", "the reason")
}

func postmaster(t *testing.T, o Options) int {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(o.postgresDir(), "data", "postmaster.pid"))
	require.NoError(t, err)
	line, _, _ := strings.Cut(string(content), "\n")
	pid, err := strconv.Atoi(line)
	require.NoError(t, err)
	return pid
}

func status(t *testing.T, url string) int {
	t.Helper()
	response, err := http.Get(url)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode
}

func body(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, 200, response.StatusCode, string(text))
	return string(text)
}

func TestPortTaken(t *testing.T) {
	ln, err := net.Listen("tcp", ":0")
	require.NoError(t, err)
	defer ln.Close()
	o := testOptions(t)
	o.Port = uint16(ln.Addr().(*net.TCPAddr).Port)
	err = Run(t.Context(), o, logging.Config{Level: "error", Format: "console"}, io.Discard)
	require.ErrorContains(t, err, "port "+strconv.Itoa(int(o.Port))+" is taken")
	require.ErrorContains(t, err, "PORT")
	require.NoDirExists(t, o.DataDir, "something was started")
}

func TestStoppedWhileStarting(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	stopped, stop := context.WithCancel(t.Context())
	context.AfterFunc(ctx, stop)
	require.NoError(t, Run(stopped, testOptions(t), logging.Config{Level: "error", Format: "console"}, io.Discard))
}

func TestSecretIsMadeOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	secret, err := loadSecret(dir)
	require.NoError(t, err)
	require.Len(t, string(secret), 2*secretBytes)
	info, err := os.Stat(filepath.Join(dir, "secret"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	again, err := loadSecret(dir)
	require.NoError(t, err)
	require.Equal(t, string(secret), string(again))
	other, err := loadSecret(t.TempDir())
	require.NoError(t, err)
	require.NotEqual(t, string(secret), string(other))

	require.NoError(t, os.WriteFile(filepath.Join(dir, "secret"), []byte("short\n"), 0o600))
	_, err = loadSecret(dir)
	require.ErrorContains(t, err, "at least 32")
}

func TestOptions(t *testing.T) {
	t.Parallel()
	o := Options{Port: 5066, MaxConns: 16, MaxIdle: time.Minute}
	require.NoError(t, o.Validate())
	require.Equal(t, "http://localhost:5066", o.url())
	o.Host = "::1"
	require.Equal(t, "http://[::1]:5066", o.url())
	o.Host = "0.0.0.0"
	require.Equal(t, "http://localhost:5066", o.url())

	bad := Options{AuthSecret: "short"}
	for _, name := range []string{"PORT", "DATABASE_MAX_CONNS", "DATABASE_MAX_IDLE", "AUTH_SECRET"} {
		require.ErrorContains(t, bad.Validate(), name)
	}
}

// What is wrong with the settings of the standalone and of any of its services is
// said at once, before anything is started.
func TestSettingsAreCheckedTogether(t *testing.T) {
	for name, value := range map[string]string{
		"PORT": "abc", "DRAIN_TIMEOUT": "15", "LOG_LEVEL": "loud", "RATE_LIMIT_INJEST": "3/s", "WAREHOUSE_MEMORY": "1GiB",
		"DATABASE_MAX_IDLE": "0s",
	} {
		t.Setenv(name, value)
	}
	_, _, err := Load()
	require.ErrorContains(t, err, "6 mistakes")
	for _, part := range []string{
		`PORT is "abc"`, `DRAIN_TIMEOUT is "15"`, `LOG_LEVEL is "loud"`, "did you mean RATE_LIMIT_INGEST?",
		"did you mean WAREHOUSE_MEMORY_LIMIT?", "DATABASE_MAX_IDLE is 0s",
	} {
		require.Equal(t, 1, strings.Count(err.Error(), part), "%s: %s", part, err)
	}
}

func TestSettingsThatTheStandaloneMakesAreItsOwn(t *testing.T) {
	o, logs, err := Load()
	require.NoError(t, err)
	require.Empty(t, o.AuthSecret)
	require.Empty(t, o.RedisURL)
	require.Equal(t, "console", logs.Format)
}

// A folder in which no standalone was started is most likely a mistake in DATA_DIR:
// an account made there would be in no service that runs.
func TestCreateUserRefusesAFolderWithoutInstance(t *testing.T) {
	t.Parallel()
	o := testOptions(t)
	err := CreateUser(t.Context(), o, store.NewUser{Username: "ann", Password: "long enough for it"}, zap.NewNop(), io.Discard)
	require.ErrorContains(t, err, "holds no instance")
	require.ErrorContains(t, err, o.DataDir)
	require.NoDirExists(t, o.DataDir, "something was made")

	require.NoError(t, os.MkdirAll(o.DataDir, 0o700))
	require.ErrorContains(t, o.CheckInstance(), "holds no instance")
	o.DatabaseURL = "postgres://elsewhere"
	require.NoError(t, o.CheckInstance())
}
