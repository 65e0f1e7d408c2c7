package faults

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"eventanalytics/tests/harness/stack"
)

// store is the object store of a cluster whose services share no folder, and what stands
// between them and it.
type store struct {
	*stack.ObjectStore
	port  int
	proxy *http.Server
	url   string // of the proxy
	// trouble is what the proxy does to requests instead of passing them on; nil for nothing.
	trouble atomic.Pointer[trouble]
}

// trouble answers a request; next passes it on.
type trouble func(w http.ResponseWriter, r *http.Request, next http.Handler)

// startStore starts the object store, and the proxy in front of it.
func (c *cluster) startStore(ctx context.Context) (err error) {
	s := &store{}
	if s.port, err = stack.FreePort(); err != nil {
		return err
	}
	if s.ObjectStore, err = stack.StartObjectStore(ctx, c.dir, c.dir, s.port); err != nil {
		return err
	}
	c.store = s
	target, err := url.Parse(s.URL)
	if err != nil {
		return fmt.Errorf("parsing the store's URL: %w", err)
	}
	next := &httputil.ReverseProxy{
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host }, // which is signed
		ErrorLog:     log.New(io.Discard, "", 0),
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listening for the object store: %w", err)
	}
	s.url = "http://" + listener.Addr().String()
	s.proxy = &http.Server{ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if t := s.trouble.Load(); t != nil {
			(*t)(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	})}
	go func() { _ = s.proxy.Serve(listener) }()
	return nil
}

// stop ends the store.
func (s *store) stop() error { return errors.Join(s.proxy.Close(), s.Stop()) }

// heal ends its trouble, and starts it again if it is down.
func (c *cluster) healStore(ctx context.Context) (err error) {
	c.store.trouble.Store(nil)
	if ended(c.store.Process) {
		c.store.ObjectStore, err = stack.StartObjectStore(ctx, c.dir, c.dir, c.store.port)
	}
	return err
}

// warehouseEnv has a service keep its segments where the cluster has them.
func (c *cluster) warehouseEnv(service string) []string {
	if c.store == nil {
		return []string{"WAREHOUSE_DIR=" + c.warehouse()}
	}
	return append(stack.ObjectSettings(c.store.url), "WAREHOUSE_DIR="+filepath.Join(c.dir, "copies", service))
}

// bucketFaults are of the object store.
func bucketFaults() []fault {
	return []fault{
		{name: "object store killed", strike: storeKilled},
		{name: "object store slow", strike: storeTrouble(func(rng *rand.Rand) trouble {
			return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				pause(r.Context(), time.Duration(rng.IntN(1500))*time.Millisecond)
				next.ServeHTTP(w, r)
			}
		})},
		{name: "object store answers 503", strike: storeTrouble(func(rng *rand.Rand) trouble {
			return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				if rng.IntN(4) > 0 {
					w.WriteHeader(http.StatusServiceUnavailable)
					return
				}
				next.ServeHTTP(w, r)
			}
		})},
		{name: "object store cuts answers short", strike: storeTrouble(func(rng *rand.Rand) trouble {
			return spoilt(func(w http.ResponseWriter, body []byte) {
				if rng.IntN(2) == 0 || len(body) == 0 {
					_, _ = w.Write(body)
					return
				}
				w.Header().Set("Content-Length", strconv.Itoa(len(body)))
				_, _ = w.Write(body[:rng.IntN(len(body))])
				panic(http.ErrAbortHandler)
			})
		})},
		{name: "object store lies", strike: storeTrouble(func(rng *rand.Rand) trouble {
			return spoilt(func(w http.ResponseWriter, body []byte) {
				if rng.IntN(2) == 0 && len(body) > 0 {
					body[rng.IntN(len(body))] ^= 1
				}
				_, _ = w.Write(body)
			})
		})},
		{name: "object store's answers lost", strike: storeTrouble(func(rng *rand.Rand) trouble {
			return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				if rng.IntN(2) == 0 {
					next.ServeHTTP(discarded{http.Header{}}, r)
					panic(http.ErrAbortHandler)
				}
				next.ServeHTTP(w, r)
			}
		})},
	}
}

func storeKilled(ctx context.Context, c *cluster, rng *rand.Rand) (bool, error) {
	if err := c.store.Kill(); err != nil {
		return false, err
	}
	<-c.store.Ended()
	pause(ctx, time.Duration(500+rng.IntN(2000))*time.Millisecond)
	return true, nil
}

// storeTrouble lets the store be in trouble for a while, in which a replica starts without
// copies.
func storeTrouble(of func(rng *rand.Rand) trouble) strike {
	return func(ctx context.Context, c *cluster, rng *rand.Rand) (bool, error) {
		t := of(rand.New(&locked{source: rand.NewPCG(rng.Uint64(), rng.Uint64())}))
		c.store.trouble.Store(&t)
		s := c.either(rng, "stats")
		if err := errors.Join(s.Kill(), awaitEnd(ctx, s), os.RemoveAll(filepath.Join(c.dir, "copies", s.name)), c.start(ctx, s)); err != nil {
			return false, err
		}
		pause(ctx, time.Duration(1000+rng.IntN(2000))*time.Millisecond)
		return true, nil
	}
}

// locked is a source of random numbers for several goroutines.
type locked struct {
	mu     sync.Mutex
	source rand.Source
}

// Uint64 returns the next number.
func (l *locked) Uint64() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.source.Uint64()
}

// spoilt has spoil write the content of an object that is read, and passes all else on.
func spoilt(spoil func(w http.ResponseWriter, body []byte)) trouble {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method != http.MethodGet || r.URL.Query().Has("list-type") {
			next.ServeHTTP(w, r)
			return
		}
		answer := &whole{header: http.Header{}, status: http.StatusOK}
		next.ServeHTTP(answer, r)
		for name, values := range answer.header {
			w.Header()[name] = values
		}
		if answer.status >= http.StatusMultipleChoices {
			w.WriteHeader(answer.status)
			_, _ = w.Write(answer.body.Bytes())
			return
		}
		spoil(w, answer.body.Bytes())
	}
}

// whole keeps an answer.
type whole struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *whole) Header() http.Header               { return w.header }
func (w *whole) WriteHeader(status int)            { w.status = status }
func (w *whole) Write(content []byte) (int, error) { return w.body.Write(content) }

// discarded keeps nothing of an answer.
type discarded struct{ header http.Header }

func (d discarded) Header() http.Header               { return d.header }
func (d discarded) WriteHeader(int)                   {}
func (d discarded) Write(content []byte) (int, error) { return len(content), nil }
