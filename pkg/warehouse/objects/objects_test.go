package objects

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"eventanalytics/pkg/warehouse"
	"eventanalytics/pkg/warehouse/cache"
	"eventanalytics/pkg/warehouse/objects/objectstest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"),
		goleak.IgnoreTopFunction("internal/poll.runtime_pollWait"))
}

const bucket = "segments"

// open makes a Bucket that a test may look into.
func open(t *testing.T, cfg warehouse.Bucket) (*Bucket, *Metrics) {
	t.Helper()
	m := NewMetrics(prometheus.NewRegistry())
	b, err := Open(t.Context(), cfg, m)
	require.NoError(t, err)
	return b, m
}

// file writes a file and says what the manifest would.
func file(t testing.TB, path, content string) (f cache.File, from string) {
	t.Helper()
	from = filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(from, []byte(content), 0o600))
	return cache.File{Path: path, Bytes: int64(len(content)), SHA256: sha256.Sum256([]byte(content))}, from
}

// objectsOf lists a bucket.
func objectsOf(t *testing.T, b *Bucket) map[string]int64 {
	t.Helper()
	all := map[string]int64{}
	require.NoError(t, b.List(t.Context(), func(path string, bytes int64, written time.Time) error {
		require.WithinDuration(t, time.Now(), written, time.Minute)
		all[path] = bytes
		return nil
	}))
	return all
}

func TestBucket(t *testing.T) {
	t.Parallel()
	server := objectstest.Start(t, bucket)
	for _, prefix := range []string{"", "some/prefix/"} {
		t.Run(prefix, func(t *testing.T) {
			b, _ := open(t, server.Config(bucket, prefix))
			require.NoError(t, b.Reach(t.Context()))
			f, from := file(t, "7/1-a.parquet", strings.Repeat("events ", 100_000))
			require.NoError(t, b.Put(t.Context(), f, from))
			require.NoError(t, b.Put(t.Context(), f, from), "a repetition is no error")
			other, otherFrom := file(t, f.Path, strings.Repeat("EVENTS ", 100_000))
			require.ErrorIs(t, b.Put(t.Context(), other, otherFrom), cache.ErrDiffers)
			shorter, shorterFrom := file(t, f.Path, "short")
			require.ErrorIs(t, b.Put(t.Context(), shorter, shorterFrom), cache.ErrDiffers)

			to := filepath.Join(t.TempDir(), "copy")
			require.NoError(t, b.Get(t.Context(), f, to))
			copied, err := os.ReadFile(to)
			require.NoError(t, err)
			require.Equal(t, f.SHA256, sha256.Sum256(copied))
			require.NoError(t, b.Has(t.Context(), f.Path))

			second, secondFrom := file(t, "8/1-b.rollup", "roll-up")
			require.NoError(t, b.Put(t.Context(), second, secondFrom))
			require.Equal(t, map[string]int64{f.Path: f.Bytes, second.Path: second.Bytes}, within(objectsOf(t, b), prefix))
			require.NoError(t, b.Remove(t.Context(), f.Path, second.Path, "9/1-never.users"))
			require.NoError(t, b.Remove(t.Context(), f.Path))
			require.Empty(t, within(objectsOf(t, b), prefix))
			require.ErrorIs(t, b.Get(t.Context(), f, to), cache.ErrMissing)
			require.ErrorIs(t, b.Has(t.Context(), f.Path), cache.ErrMissing)
		})
	}
}

// within drops the objects of other prefixes, which a bucket without one also lists.
func within(all map[string]int64, prefix string) map[string]int64 {
	for path := range all {
		if prefix == "" && strings.HasPrefix(path, "some/") {
			delete(all, path)
		}
	}
	return all
}

// TestPutRefusesAnotherHash: what is altered on its way does not become an object.
func TestPutRefusesAnotherHash(t *testing.T) {
	t.Parallel()
	server := objectstest.Start(t, bucket)
	b, _ := open(t, server.Config(bucket, ""))
	f, from := file(t, "7/1-a.parquet", "events")
	f.SHA256[0] ^= 1
	require.Error(t, b.Put(t.Context(), f, from))
	require.Empty(t, objectsOf(t, b))
}

func TestGetFindsDamage(t *testing.T) {
	t.Parallel()
	server := objectstest.Start(t, bucket)
	b, _ := open(t, server.Config(bucket, ""))
	f, from := file(t, "7/1-a.parquet", strings.Repeat("events ", 1000))
	require.NoError(t, b.Put(t.Context(), f, from))
	object := filepath.Join(server.Dir, bucket, f.Path)
	whole, err := os.ReadFile(object)
	require.NoError(t, err)
	to := filepath.Join(t.TempDir(), "copy")
	for name, content := range map[string][]byte{
		"a bit flipped": append([]byte{whole[0] ^ 1}, whole[1:]...),
		"cut short":     whole[:len(whole)-1],
		"longer":        append(bytes.Clone(whole), 'x'),
		"empty":         {},
	} {
		require.NoError(t, os.WriteFile(object, content, 0o600))
		require.ErrorIs(t, b.Get(t.Context(), f, to), cache.ErrDamaged, name)
		require.NoFileExists(t, to)
		entries, err := os.ReadDir(filepath.Dir(to))
		require.NoError(t, err)
		require.Empty(t, entries, "nothing is left over")
	}
	require.NoError(t, os.WriteFile(object, whole, 0o600))
	require.NoError(t, b.Get(t.Context(), f, to))
}

// interfering stands between a Bucket and its server and does what spoil says to each
// request, of which it gets the number.
func interfering(t *testing.T, server *objectstest.Server, spoil func(n int64, w http.ResponseWriter, r *http.Request, next http.Handler)) string {
	t.Helper()
	target, err := url.Parse(server.URL)
	require.NoError(t, err)
	next := &httputil.ReverseProxy{
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host }, // which is signed
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	var n atomic.Int64
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { spoil(n.Add(1), w, r, next) }))
	t.Cleanup(proxy.Close)
	return proxy.URL
}

// recorded is the whole answer of a server.
func recorded(r *http.Request, next http.Handler) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	next.ServeHTTP(answer, r)
	return answer
}

func reply(w http.ResponseWriter, answer *httptest.ResponseRecorder, body []byte) {
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(body)
}

// TestTrouble: what a network or a busy server does to some requests costs time alone.
func TestTrouble(t *testing.T) {
	t.Parallel()
	server := objectstest.Start(t, bucket)
	for name, spoil := range map[string]func(n int64, w http.ResponseWriter, r *http.Request, next http.Handler){
		"503": func(n int64, w http.ResponseWriter, r *http.Request, next http.Handler) {
			if n%3 != 0 {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			next.ServeHTTP(w, r)
		},
		"connections cut before the request": func(n int64, w http.ResponseWriter, r *http.Request, next http.Handler) {
			if n%2 == 1 {
				panic(http.ErrAbortHandler)
			}
			next.ServeHTTP(w, r)
		},
		"answers lost": func(n int64, w http.ResponseWriter, r *http.Request, next http.Handler) {
			answer := recorded(r, next)
			if n%2 == 1 {
				panic(http.ErrAbortHandler)
			}
			reply(w, answer, answer.Body.Bytes())
		},
		"answers cut short": func(n int64, w http.ResponseWriter, r *http.Request, next http.Handler) {
			answer := recorded(r, next)
			body := answer.Body.Bytes()
			if r.Method == http.MethodGet && n%2 == 1 && len(body) > 10 {
				w.Header().Set("Content-Length", strconv.Itoa(len(body)))
				_, _ = w.Write(body[:len(body)/2])
				panic(http.ErrAbortHandler)
			}
			reply(w, answer, body)
		},
		"answers altered": func(n int64, w http.ResponseWriter, r *http.Request, next http.Handler) {
			answer := recorded(r, next)
			body := answer.Body.Bytes()
			if r.Method == http.MethodGet && n%2 == 1 && bytes.HasPrefix(body, []byte("events")) {
				body[100] ^= 1
			}
			reply(w, answer, body)
		},
		"requests altered": func(n int64, w http.ResponseWriter, r *http.Request, next http.Handler) {
			if r.Method == http.MethodPut {
				body, _ := io.ReadAll(r.Body)
				if n%2 == 1 {
					body[100] ^= 1
				}
				r.Body = io.NopCloser(bytes.NewReader(body))
			}
			next.ServeHTTP(w, r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := server.Config(bucket, strings.ReplaceAll(name, " ", "-")+"/")
			cfg.Endpoint = interfering(t, server, spoil)
			b, m := open(t, cfg)
			for i := range 4 {
				f, from := file(t, "7/1-"+strconv.Itoa(i)+".parquet", strings.Repeat("events ", 10_000+i))
				for try := 0; ; try++ { // a server that refuses a hash is not asked again
					err := b.Put(t.Context(), f, from)
					if err == nil {
						break
					}
					require.Equal(t, "requests altered", name, err)
					require.Less(t, try, 3)
				}
				to := filepath.Join(t.TempDir(), "copy")
				require.NoError(t, b.Get(t.Context(), f, to))
				copied, err := os.ReadFile(to)
				require.NoError(t, err)
				require.Equal(t, f.SHA256, sha256.Sum256(copied))
			}
			require.Len(t, objectsOf(t, b), 4)
			puts := testutil.ToFloat64(m.requests.WithLabelValues("put", "ok")) + testutil.ToFloat64(m.requests.WithLabelValues("put", "exists"))
			require.GreaterOrEqual(t, puts, 4.)
			require.Positive(t, testutil.ToFloat64(m.bytes.WithLabelValues("received")))
		})
	}
}

// TestAway: a server that does not answer, or not in time, says nothing about an object.
func TestAway(t *testing.T) {
	t.Parallel()
	server := objectstest.Start(t, bucket)
	b, m := open(t, server.Config(bucket, ""))
	f, from := file(t, "7/1-a.parquet", "events")
	require.NoError(t, b.Put(t.Context(), f, from))
	server.Kill()
	to := filepath.Join(t.TempDir(), "copy")
	require.ErrorIs(t, b.Get(t.Context(), f, to), cache.ErrUnavailable)
	require.Error(t, b.Put(t.Context(), f, from))
	require.Error(t, b.Reach(t.Context()))
	require.Positive(t, testutil.ToFloat64(m.requests.WithLabelValues("get", "failed")))
	server.Up(t)
	require.NoError(t, b.Get(t.Context(), f, to))
	require.NoError(t, b.Reach(t.Context()))

	slow := server.Config(bucket, "")
	held := make(chan struct{})
	slow.Endpoint = interfering(t, server, func(_ int64, _ http.ResponseWriter, r *http.Request, _ http.Handler) {
		select {
		case <-held:
		case <-r.Context().Done():
		}
	})
	defer close(held)
	b, _ = open(t, slow)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, b.Get(ctx, f, to), cache.ErrUnavailable)
}

// TestStalled: a server that stops in the middle of an answer is given up.
func TestStalled(t *testing.T) {
	t.Parallel()
	server := objectstest.Start(t, bucket)
	cfg := server.Config(bucket, "")
	cfg.Endpoint = interfering(t, server, func(_ int64, w http.ResponseWriter, r *http.Request, _ http.Handler) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	b, _ := open(t, cfg)
	b.slowest = 100 * time.Millisecond
	f, _ := file(t, "7/1-a.parquet", "events")
	for name, request := range map[string]func(context.Context) error{
		"get":    func(ctx context.Context) error { return b.Get(ctx, f, filepath.Join(t.TempDir(), "copy")) },
		"list":   func(ctx context.Context) error { return b.List(ctx, nil) },
		"remove": func(ctx context.Context) error { return b.Remove(ctx, f.Path) },
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		require.ErrorIs(t, request(ctx), cache.ErrUnavailable, name)
		require.NoError(t, ctx.Err(), name)
		cancel()
	}
}

// TestNoBucket: that there is no bucket does not mean that its objects are missing.
func TestNoBucket(t *testing.T) {
	t.Parallel()
	server := objectstest.Start(t, bucket)
	b, m := open(t, server.Config("another-bucket", ""))
	f, _ := file(t, "7/1-a.parquet", "events")
	err := b.Get(t.Context(), f, filepath.Join(t.TempDir(), "copy"))
	require.ErrorIs(t, err, cache.ErrUnavailable)
	require.NotErrorIs(t, err, cache.ErrMissing)
	require.ErrorIs(t, b.Has(t.Context(), f.Path), cache.ErrUnavailable)
	require.Error(t, b.Reach(t.Context()))
	require.Positive(t, testutil.ToFloat64(m.requests.WithLabelValues("head", "refused")), "of which there is an alert")
}

// TestOtherCredentials: a bucket that does not let us in is not one without objects.
func TestOtherCredentials(t *testing.T) {
	t.Parallel()
	server := objectstest.Start(t, bucket)
	cfg := server.Config(bucket, "")
	cfg.SecretKey = "another-secret"
	b, _ := open(t, cfg)
	f, _ := file(t, "7/1-a.parquet", "events")
	err := b.Get(t.Context(), f, filepath.Join(t.TempDir(), "copy"))
	require.ErrorIs(t, err, cache.ErrUnavailable)
	require.NotContains(t, err.Error(), "another-secret")
	require.Error(t, b.Reach(t.Context()))
}
