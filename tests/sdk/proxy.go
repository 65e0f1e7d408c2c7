package sdk

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// proxy is the network between SDKs and the service: one run at a time.
type proxy struct {
	lane *lane
	url  string
	web  *http.Server
	now  atomic.Pointer[traffic] // nil between runs
}

func newProxy(l *lane) (*proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting a proxy: %w", err)
	}
	p := &proxy{lane: l, url: "http://" + listener.Addr().String()}
	p.web = &http.Server{Handler: http.HandlerFunc(p.serve), ReadHeaderTimeout: time.Minute}
	go func() { _ = p.web.Serve(listener) }() // until it is closed
	return p, nil
}

// exchange is a request with events that a fault strikes.
type exchange struct {
	*traffic
	w     http.ResponseWriter
	r     *http.Request
	body  []byte
	marks []int
}

// answer of the service, whole.
type answer struct {
	status int
	header http.Header
	body   []byte
	path   string
}

func (a *answer) String() string { return fmt.Sprintf("%s: %d %.300s", a.path, a.status, a.body) }

func (p *proxy) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	t := p.now.Load()
	if err != nil || t == nil { // it hung up, or its run is over
		kill(w)
		return
	}
	if t.recording && r.Method != http.MethodOptions {
		t.record(r, body)
	}
	marks := marksIn(r.URL.RawQuery, body)
	if len(marks) > 0 && t.next() {
		t.fault.strike(p, &exchange{traffic: t, w: w, r: r, body: body, marks: marks})
		return
	}
	a, err := forward(r.Context(), p.lane.gateway, r, body)
	if err != nil {
		t.note(marks, t.unclear)
		kill(w)
		return
	}
	if len(marks) > 0 {
		t.answered(marks, a)
	}
	a.write(w)
}

var direct = &http.Client{
	Transport:     &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// forward sends a request to the service at an address and reads its answer.
func forward(ctx context.Context, address string, r *http.Request, body []byte) (*answer, error) {
	out, err := http.NewRequestWithContext(ctx, r.Method, "http://"+address+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	out.Header = r.Header.Clone()
	for _, name := range []string{"Connection", "Keep-Alive", "Transfer-Encoding", "Upgrade"} {
		out.Header.Del(name)
	}
	out.Host = r.Host
	response, err := direct.Do(out)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	return &answer{response.StatusCode, response.Header, text, r.Method + " " + r.URL.Path}, nil
}

func (a *answer) begin(w http.ResponseWriter) {
	for name, values := range a.header {
		if name != "Connection" && name != "Keep-Alive" {
			w.Header()[name] = values
		}
	}
	w.WriteHeader(a.status)
}

func (a *answer) write(w http.ResponseWriter) {
	a.begin(w)
	_, _ = w.Write(a.body) // the SDK may have gone
}

// kill resets the client's connection.
func kill(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // net/http then closes it
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

func (p *proxy) before(x *exchange) {
	x.note(x.marks, x.lost)
	kill(x.w)
}

func (p *proxy) after(x *exchange) {
	a, err := forward(x.r.Context(), p.lane.gateway, x.r, x.body)
	switch {
	case err != nil:
		x.note(x.marks, x.unclear)
	case success(a.status):
		x.note(x.marks, x.stored)
	default:
		x.answered(x.marks, a)
	}
	kill(x.w)
}

// during halts the service before it commits, kills the connections on both sides of the
// proxy, and lets the service continue.
func (p *proxy) during(x *exchange) {
	p.lane.halt.Lock()
	defer p.lane.halt.Unlock()
	ctx, hangUp := context.WithCancel(x.r.Context())
	defer hangUp()
	var a *answer
	var err error
	done := make(chan struct{})
	halted := p.lane.halting(done)
	go func() {
		defer close(done)
		a, err = forward(ctx, p.lane.gateway, x.r, x.body)
	}()
	struck := <-halted
	kill(x.w)
	hangUp()
	<-done
	if struck {
		p.lane.resume()
	} else {
		x.missed()
	}
	if err == nil && success(a.status) { // it was another request that was halted
		x.note(x.marks, x.stored)
		return
	}
	x.note(x.marks, x.unclear)
}

// slowness, three times in a request, is far above what a network takes, and below what
// SDKs wait for: Snowplow's in pages waits for 5 s.
const slowness = time.Second

func (p *proxy) slow(x *exchange) {
	pause(x.r.Context(), slowness)
	a, err := forward(x.r.Context(), p.lane.gateway, x.r, x.body)
	if err != nil {
		x.note(x.marks, x.unclear)
		kill(x.w)
		return
	}
	pause(x.r.Context(), slowness)
	a.begin(x.w)
	half := len(a.body) / 2
	_, _ = x.w.Write(a.body[:half])
	_ = http.NewResponseController(x.w).Flush()
	pause(x.r.Context(), slowness)
	_, _ = x.w.Write(a.body[half:])
	x.answered(x.marks, a)
}

// away passes the request to a service whose Postgres cannot be reached.
func (p *proxy) away(x *exchange) { p.refused(x, p.lane.away) }

// limited passes the request to a service that takes one in three seconds, and has taken it:
// on a route that takes keys of browsers, too.
func (p *proxy) limited(x *exchange) {
	body := fmt.Appendf(nil, `{"writeKey":%q,"batch":[]}`, x.key)
	for range 100 {
		r, err := http.NewRequestWithContext(x.r.Context(), http.MethodPost, "/v1/batch", nil)
		if err != nil {
			panic(err) // of constants
		}
		if a, err := forward(x.r.Context(), p.lane.limited, r, body); err != nil || a.status == http.StatusTooManyRequests {
			break
		}
	}
	p.refused(x, p.lane.limited)
}

// refused passes the request to a service that does not take it.
func (p *proxy) refused(x *exchange, address string) {
	a, err := forward(x.r.Context(), address, x.r, x.body)
	switch {
	case err != nil:
		x.note(x.marks, x.unclear)
		kill(x.w)
		return
	case a.status == http.StatusServiceUnavailable, a.status == http.StatusTooManyRequests:
		x.note(x.marks, x.lost)
	default:
		x.missed()
		x.answered(x.marks, a)
	}
	a.write(x.w)
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
