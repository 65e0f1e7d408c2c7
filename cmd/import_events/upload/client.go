// Package upload posts events to the service over its HTTP API.
package upload

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Config of a Client. Set either APIKey or Username and Password.
type Config struct {
	URL                string // of the service, without a path
	Username, Password string
	APIKey             string
	Project            int64  // 0 for the account's own
	Compression        string // zstd, gzip or none
	// KeyPrefix of the Idempotency-Key of each request.
	KeyPrefix string
	// RetryFor bounds how long one request is tried.
	RetryFor time.Duration
	// Connections is how many requests are in flight at once.
	Connections int
	// OnRetry, if not nil, is told why a request is retried, and after how long.
	OnRetry func(error, time.Duration)
}

// Client posts events. Its methods may be called concurrently.
type Client struct {
	cfg   Config
	http  *http.Client
	login login
	zstd  *zstd.Encoder
}

// New returns a client without contacting the service.
func New(cfg Config) (*Client, error) {
	cfg.URL = strings.TrimRight(cfg.URL, "/")
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(cfg.Connections), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return nil, fmt.Errorf("setting up compression: %w", err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = cfg.Connections
	return &Client{
		cfg: cfg,
		http: &http.Client{
			Transport: transport,
			// net/http would follow it with a GET instead of the POST.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		zstd: encoder,
	}, nil
}

// StatusError is a response that refuses a request.
type StatusError struct {
	Status int
	Code   string // of the problem, if it was one
	Detail string
}

func (e *StatusError) Error() string {
	if e.Code == "" {
		return fmt.Sprintf("the service answered %d %s", e.Status, http.StatusText(e.Status))
	}
	return fmt.Sprintf("the service answered %d %s: %s", e.Status, e.Code, e.Detail)
}

// requestTimeout bounds one request, including its response.
const requestTimeout = 2 * time.Minute

// maxAnswer bounds a response; a hundred errors take about 20 KiB.
const maxAnswer = 4 << 20

// response is a response that has been read completely.
type response struct {
	status int
	header http.Header
	body   []byte
}

// retry calls do until it succeeds, fails permanently, ctx ends or time is up. A
// request in flight when ctx ends is finished: the service may already have stored
// it.
func (c *Client) retry(ctx context.Context, do func(context.Context) (*response, error)) (*response, error) {
	wait := backoff.NewExponentialBackOff()
	wait.MaxInterval = 30 * time.Second
	return backoff.Retry(ctx, func() (*response, error) {
		if err := context.Cause(ctx); err != nil {
			return nil, backoff.Permanent(err)
		}
		request, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTimeout)
		defer cancel()
		return do(request)
	}, backoff.WithBackOff(wait), backoff.WithMaxElapsedTime(c.cfg.RetryFor), backoff.WithNotify(func(err error, after time.Duration) {
		if c.cfg.OnRetry != nil {
			c.cfg.OnRetry(err, after)
		}
	}))
}

// send makes one request. Transient failures are returned as they are, others as
// permanent; responses below 500, except 408 and 429, are not failures here.
func (c *Client) send(request *http.Request) (*response, error) {
	r, err := c.http.Do(request)
	if err != nil {
		return nil, err // names the request, without credentials
	}
	defer r.Body.Close()
	body, err := io.ReadAll(io.LimitReader(r.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("reading the response: %w", err)
	}
	a := &response{status: r.StatusCode, header: r.Header, body: body}
	refusal := a.refusal()
	switch {
	case a.status == http.StatusRequestTimeout, a.status == http.StatusTooManyRequests, a.status >= http.StatusInternalServerError,
		a.status == http.StatusConflict && refusal.Code == "in-progress":
		return nil, later(refusal, a.header)
	}
	return a, nil
}

// later asks for a retry after the time that the response names.
func later(err error, h http.Header) error {
	text := h.Get("Retry-After")
	if seconds, bad := strconv.Atoi(text); bad == nil && seconds >= 0 {
		return retryAfter(err, seconds)
	}
	if at, bad := http.ParseTime(text); bad == nil {
		return retryAfter(err, max(0, int(time.Until(at).Seconds())+1))
	}
	return err
}

func retryAfter(err error, seconds int) error {
	return &delayed{err, backoff.RetryAfter(seconds)}
}

// delayed reads like its cause and carries the time to wait.
type delayed struct{ cause, after error }

func (e *delayed) Error() string   { return e.cause.Error() }
func (e *delayed) Unwrap() []error { return []error{e.cause, e.after} }

// refusal parses the response as a problem.
func (r *response) refusal() *StatusError {
	e := &StatusError{Status: r.status}
	var p struct{ Type, Detail string }
	if json.Unmarshal(r.body, &p) == nil {
		e.Code, e.Detail = strings.TrimPrefix(p.Type, "/problems/"), p.Detail
	}
	return e
}

// post sends a body of events until it is answered.
func (c *Client) post(ctx context.Context, body []byte) (*response, error) {
	packed, err := c.pack(body)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	key := c.cfg.KeyPrefix + "-" + hex.EncodeToString(sum[:16])
	renewed := false
	return c.retry(ctx, func(ctx context.Context) (*response, error) {
		for {
			credentials, err := c.credentials(ctx)
			if err != nil {
				return nil, err
			}
			request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.cfg.URL+"/api/events", bytes.NewReader(packed))
			if err != nil {
				return nil, backoff.Permanent(err)
			}
			request.Header.Set("Content-Type", "application/x-ndjson")
			request.Header.Set("Idempotency-Key", key)
			request.Header.Set("Authorization", "Bearer "+credentials)
			if c.cfg.Compression != "none" {
				request.Header.Set("Content-Encoding", c.cfg.Compression)
			}
			if c.cfg.Project != 0 {
				request.Header.Set("X-Project", strconv.FormatInt(c.cfg.Project, 10))
			}
			r, err := c.send(request)
			if err != nil || r.status != http.StatusUnauthorized || c.cfg.APIKey != "" || renewed {
				return r, err
			}
			renewed = true
			c.login.expire(credentials)
		}
	})
}

func (c *Client) pack(body []byte) ([]byte, error) {
	switch c.cfg.Compression {
	case "none":
		return body, nil
	case "zstd":
		return c.zstd.EncodeAll(body, nil), nil
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write(body)
	if err = errors.Join(err, z.Close()); err != nil {
		return nil, fmt.Errorf("compressing: %w", err)
	}
	return b.Bytes(), nil
}

// CheckURL refuses anything that cannot be the service's address.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return errors.New("the URL cannot be read")
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return errors.New("the URL must be like http://localhost:5066")
	case u.User != nil:
		return errors.New("the URL may not hold a user name or password")
	case u.RawQuery != "" || u.Fragment != "":
		return errors.New("the URL may not hold a query or fragment")
	}
	return nil
}
