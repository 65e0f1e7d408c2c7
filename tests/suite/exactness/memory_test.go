package exactness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"eventanalytics/tests/harness/api"
	"eventanalytics/tests/harness/stack"
)

const (
	mib        = 1 << 20
	inFlight   = 100 * mib // MAX_BYTES_IN_FLIGHT of the replica
	wholeBody  = 64 * mib  // the most that one body may have
	perByte    = 3         // bytes of memory that a byte of a body may take
	ownMemory  = 32 * mib  // for connections and garbage, beside what an idle replica has
	bigUploads = 200
)

// TestMemoryOfManyUploads has more uploads at once than would fit into memory.
// Some clients stop in the middle and hold what they sent; beside them come whole
// bodies, plain and compressed. Each is stored or asked to come again, the
// process keeps to its bound, and it is as good as before when they are done.
func TestMemoryOfManyUploads(t *testing.T) {
	m := newMeasured(t)
	c := newCaller(t)
	body := bigBody(t)
	packed := compress(body, "gzip")

	const holders = 24
	var held sync.WaitGroup // until each holder has been answered or has sent its half
	held.Add(holders)
	release := make(chan struct{})
	stopped := sync.OnceFunc(func() { close(release) })
	defer stopped()
	var stored, refused, cut atomic.Int64
	settle := func(ctx context.Context, u upload, body io.Reader) error {
		a, err := c.postBody(ctx, m.url, u, body)
		switch {
		case errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNRESET):
			// A client that sends 64 MiB more than the service reads after its answer may
			// not get to read it.
			cut.Add(1)
		case err != nil:
			return err
		case a.Status == http.StatusAccepted:
			stored.Add(1)
		case a.Status != http.StatusTooManyRequests || a.Type != "/problems/too-many-uploads": // all are of one project
			return fmt.Errorf("an upload too many: %s", a)
		case a.Header.Get("Retry-After") == "":
			return fmt.Errorf("no Retry-After: %s", a)
		default:
			refused.Add(1)
		}
		return nil
	}
	g, ctx := errgroup.WithContext(m.ctx)
	// One upload has all its room before the others come. They may all be refused,
	// because each can run out of room at the same moment; this one must be stored.
	first := bytes.LastIndex(body[:32*mib], []byte(`,{"event_id"`))
	g.Go(func() error {
		rest := &gate{ctx: ctx, open: release, arrived: func() {}, then: strings.NewReader("]")}
		return settle(ctx, jsonHeader(""), io.MultiReader(bytes.NewReader(body[:first]), rest))
	})
	m.require(t, stack.Poll(ctx, time.Minute, func() error { return m.hasRead(ctx, first) }))
	for range holders {
		arrived := sync.OnceFunc(held.Done)
		g.Go(func() error {
			defer arrived()
			rest := &gate{ctx: ctx, open: release, arrived: arrived, then: bigPart(body, 16*mib, 32*mib)}
			return settle(ctx, jsonHeader(""), io.MultiReader(bytes.NewReader(body[:16*mib]), rest))
		})
	}
	m.require(t, await(ctx, &held))

	// An application's events get through while bulk uploads fill the rest.
	for _, f := range newFacts(newRand(t, 0), 20) {
		_, err := c.mustPost(ctx, m.url, jsonUpload([]fact{f}), 1)
		m.require(t, err)
	}
	others, ctx := errgroup.WithContext(ctx)
	for i := range bigUploads - holders - 1 {
		others.Go(func() error {
			if i%4 == 0 {
				return settle(ctx, jsonHeader("gzip"), bytes.NewReader(packed))
			}
			return settle(ctx, jsonHeader(""), bigPart(body, 0, (1+i%4)*16*mib))
		})
	}
	m.require(t, others.Wait())
	stopped()
	m.require(t, g.Wait())

	t.Logf("stored %d, refused %d, cut off %d; most memory %d MiB, at the start %d MiB", stored.Load(), refused.Load(), cut.Load(), m.peak(t)/mib, m.idle/mib)
	require.Positive(t, refused.Load(), "uploads that found no room")
	require.Positive(t, stored.Load(), "the upload that had found room")
	require.LessOrEqual(t, m.peak(t), m.bound(inFlight), "bytes of memory")
	for _, f := range newFacts(newRand(t, 1), 10) {
		_, err := c.mustPost(m.ctx, m.url, jsonUpload([]fact{f}), 1)
		m.require(t, err)
	}
	_, err := c.mustPost(m.ctx, m.url, upload{body: body, header: jsonHeader("").header}, bigEvents(body))
	m.require(t, err)
	require.LessOrEqual(t, m.peak(t), m.bound(inFlight), "bytes of memory")
}

// TestMemoryOfOneUpload posts one upload of the greatest size.
func TestMemoryOfOneUpload(t *testing.T) {
	m := newMeasured(t)
	c := newCaller(t)
	body := bigBody(t)
	_, err := c.mustPost(m.ctx, m.url, upload{body: body, header: jsonHeader("").header}, bigEvents(body))
	m.require(t, err)
	t.Logf("most memory %d MiB, at the start %d MiB", m.peak(t)/mib, m.idle/mib)
	require.LessOrEqual(t, m.peak(t), m.bound(len(body)), "bytes of memory")
}

// measured is a replica whose memory is watched.
type measured struct {
	url  string
	idle int             // bytes at the start
	ctx  context.Context // ends when the replica takes far too much

	process *stack.Process
}

// newMeasured starts a replica and watches it: one that takes twice of what it may
// is killed before it takes the machine down.
func newMeasured(t *testing.T) *measured {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the most memory a process has had is told by Linux alone")
	}
	p, err := servers.StartService(t.Context(), "ingest", "MAX_BYTES_IN_FLIGHT="+strconv.Itoa(inFlight))
	require.NoError(t, err)
	m := &measured{url: "http://" + servers.Addresses["ingest"], process: p}
	m.idle = m.peak(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	m.ctx = ctx
	var watch errgroup.Group
	watch.Go(func() error {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
			if peak, err := peakOf(p.PID()); err != nil || peak > 2*m.bound(inFlight) {
				cancel(errors.Join(fmt.Errorf("killed at %d MiB", peak/mib), err))
				return p.Kill()
			}
		}
	})
	t.Cleanup(func() {
		cancel(nil)
		require.NoError(t, watch.Wait())
		require.NoError(t, p.Stop())
	})
	return m
}

// bound is the memory that the replica may have with bodies of so many bytes.
func (m *measured) bound(bodies int) int { return m.idle + ownMemory + perByte*bodies }

func (m *measured) require(t *testing.T, err error) {
	t.Helper()
	if cause := context.Cause(m.ctx); cause != nil {
		require.NoError(t, cause, "the replica's memory")
	}
	require.NoError(t, err)
}

func (m *measured) peak(t *testing.T) int {
	t.Helper()
	n, err := peakOf(m.process.PID())
	require.NoError(t, err)
	return n
}

// hasRead returns an error until the replica has read n bytes of bodies.
func (m *measured) hasRead(ctx context.Context, n int) error {
	const metric = "analytics_ingest_bytes_in_flight "
	a, err := api.Anonymous(m.url, nil).Try(ctx, http.MethodGet, "/metrics", nil)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(a.Body)) {
		if value, ok := strings.CutPrefix(line, metric); ok {
			read, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err == nil && int(read) < n {
				err = fmt.Errorf("%.0f of %d bytes are read", read, n)
			}
			return err
		}
	}
	return errors.New("there is no metric " + metric)
}

// peakOf returns the most bytes of memory that a process has had so far.
func peakOf(pid int) (int, error) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0, fmt.Errorf("reading the memory of a process: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.Atoi(strings.Fields(value)[0])
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("process %d has no memory, it has ended", pid)
}

// gate lets a body's reader wait until it is open.
type gate struct {
	ctx     context.Context
	open    <-chan struct{}
	arrived func()
	then    io.Reader
}

func (g *gate) Read(p []byte) (int, error) {
	g.arrived()
	select {
	case <-g.open:
		return g.then.Read(p)
	case <-g.ctx.Done():
		return 0, g.ctx.Err()
	}
}

// await waits for a group unless ctx ends before.
func await(ctx context.Context, group *sync.WaitGroup) error {
	done := make(chan struct{})
	go func() { group.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func jsonHeader(encoding string) upload {
	u := upload{header: map[string]string{"Content-Type": "application/json"}}
	if encoding != "" {
		u.header["Content-Encoding"] = encoding
	}
	return u
}

// bigBody makes a JSON array of as many events as a body may hold in bytes. All
// uploads share its memory: those of two clients begin with the same events.
func bigBody(t *testing.T) []byte {
	t.Helper()
	body := make([]byte, 0, wholeBody)
	separator := byte('[')
	for rng := newRand(t, 2); ; separator = ',' {
		f := newFacts(rng, 1)[0]
		f.Props = fmt.Sprintf(`{"note":%q}`, strings.Repeat("as large as these mostly are, ", 6))
		event := f.json()
		if len(body)+len(event)+2 > wholeBody {
			return append(body, ']')
		}
		body = append(append(body, separator), event...)
	}
}

// bigPart reads a big body from a byte on, as if it had no more than the events
// that end before another.
func bigPart(body []byte, from, to int) io.Reader {
	if to >= len(body) {
		return bytes.NewReader(body[from:]) // of a known length, others go in chunks
	}
	to = bytes.LastIndex(body[:to], []byte(`,{"event_id"`))
	return io.MultiReader(bytes.NewReader(body[from:to]), strings.NewReader("]"))
}

func bigEvents(body []byte) int { return bytes.Count(body, []byte(`{"event_id"`)) }
