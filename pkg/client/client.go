// Package client is a Go client of the service's HTTP API: it posts events, asks
// questions and manages accounts.
//
// A request that is refused returns a *Problem. With Config.RetryFor set, what
// may pass is tried again: answers of 408, 429 and 5xx, a connection that
// breaks, and an upload that is still in progress elsewhere.
package client

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
)

// Config of a Client.
type Config struct {
	// URL of the service, such as http://localhost:5066.
	URL string

	// APIKey, or an access token, is sent with every request as it is. Without
	// one, Username and Password log in when a request first needs a token, and
	// again when that expires. Without either, requests are anonymous.
	APIKey             string
	Username, Password string
	// Project that requests act on, for callers that are not an API key. Defaults
	// to the user's own.
	Project int64

	// Compression of uploads. Defaults to None.
	Compression Compression

	// RetryFor is how long a request is tried again, counted from its first
	// attempt; no attempt begins later. Waits grow from half a second to 30
	// seconds unless the answer names a time. 0 makes a single attempt.
	RetryFor time.Duration
	// OnRetry, when not nil, hears why a request is tried again, and after which
	// time. It may be called by several goroutines at once.
	OnRetry func(err error, after time.Duration)
	// FinishAttempts lets an attempt that is under way when the context ends reach
	// its answer, since the service may already have acted on it. By default it is
	// abandoned.
	FinishAttempts bool

	// Timeout of one attempt with its answer. Defaults to 2 minutes.
	Timeout time.Duration
	// MaxAnswer bounds the body of an answer, in bytes. Defaults to 64 MiB.
	MaxAnswer int64
	// Connections is how many stay open between requests. Defaults to 16.
	Connections int
	// Transport sends the requests. Defaults to one like http.DefaultTransport,
	// with Connections.
	Transport http.RoundTripper
}

const (
	defaultTimeout     = 2 * time.Minute
	defaultMaxAnswer   = 64 << 20
	defaultConnections = 16
)

// Client calls the service. Its methods may be called concurrently.
type Client struct {
	cfg   Config
	http  *http.Client
	login login
	zstd  *zstd.Encoder // nil unless uploads are compressed with it
	gzip  sync.Pool     // of *gzip.Writer
}

// New makes a client; it does not talk to the service yet.
func New(cfg Config) (*Client, error) {
	if err := CheckURL(cfg.URL); err != nil {
		return nil, err
	}
	cfg.URL = strings.TrimRight(cfg.URL, "/")
	cfg.Timeout = cmp.Or(cfg.Timeout, defaultTimeout)
	cfg.MaxAnswer = cmp.Or(cfg.MaxAnswer, defaultMaxAnswer)
	cfg.Connections = cmp.Or(cfg.Connections, defaultConnections)
	if cfg.Transport == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.MaxIdleConns, transport.MaxIdleConnsPerHost = cfg.Connections, cfg.Connections
		cfg.Transport = transport
	}
	c := &Client{cfg: cfg, http: &http.Client{
		Transport: cfg.Transport,
		// Following one, net/http would make a GET of a POST and send the
		// credentials elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	return c, c.prepareCompression()
}

// Close closes the connections that are idle.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// URL of the service, without a slash at the end.
func (c *Client) URL() string { return c.cfg.URL }

// CheckURL refuses what cannot be the service's address. The error does not
// repeat the URL, which may hold a password.
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

// Request is any request to the service, right or wrong.
type Request struct {
	Method string // defaults to GET
	Path   string // with its query, escaped
	// Header is sent as it is. The client's credentials and project are added
	// unless Authorization or X-API-Key is among the keys, even without a value.
	Header http.Header
	Body   io.Reader
}

// Response is an answer, read to its end.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// ErrUnreadable is returned for an answer that has the status of success and is not
// what the API promises.
var ErrUnreadable = errors.New("reading the answer")

// ErrTooLarge is returned for an answer of more than Config.MaxAnswer bytes.
var ErrTooLarge = errors.New("the answer is too large")

// Do sends a request once and returns its answer, whatever the status. The error
// means that there was no answer, or only a part of one; or that a login failed,
// which comes first when there is no token yet.
func (c *Client) Do(ctx context.Context, r Request) (*Response, error) {
	var credential string
	if !ownCredentials(r.Header) {
		var err error
		if credential, err = c.credential(ctx); err != nil {
			return nil, err
		}
	}
	return c.send(ctx, r, credential)
}

func ownCredentials(h http.Header) bool {
	_, token := h["Authorization"]
	_, key := h["X-Api-Key"]
	return token || key
}

// send makes one request with a credential, or without any.
func (c *Client) send(ctx context.Context, r Request, credential string) (*Response, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, r.Method, c.cfg.URL+r.Path, r.Body)
	if err != nil {
		return nil, err
	}
	if r.Header != nil {
		request.Header = r.Header.Clone()
	}
	if credential != "" {
		request.Header.Set("Authorization", "Bearer "+credential)
		if c.cfg.Project != 0 {
			request.Header.Set("X-Project", strconv.FormatInt(c.cfg.Project, 10))
		}
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, &connectionError{err} // says what was requested, without credentials
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, c.cfg.MaxAnswer+1))
	if err != nil {
		return nil, &connectionError{fmt.Errorf("reading the answer: %w", err)}
	}
	if int64(len(body)) > c.cfg.MaxAnswer {
		return nil, fmt.Errorf("%w: it has more than %d bytes", ErrTooLarge, c.cfg.MaxAnswer)
	}
	return &Response{Status: response.StatusCode, Header: response.Header, Body: body}, nil
}

// connectionError is of a request whose answer did not arrive, or not all of it.
type connectionError struct{ cause error }

func (e *connectionError) Error() string { return e.cause.Error() }
func (e *connectionError) Unwrap() error { return e.cause }

// call is a request that is to succeed.
type call struct {
	method, path string
	header       http.Header
	body         []byte
	want, or     int  // statuses of success
	anonymous    bool // sent without credentials
	// once says that a repetition would act again. It is tried again only when the
	// service refused it unread.
	once bool
}

func (x *call) request() Request {
	return Request{Method: x.method, Path: x.path, Header: x.header, Body: bytes.NewReader(x.body)}
}

func (c *Client) call(ctx context.Context, x call) (*Response, error) {
	renewed := false
	return c.retry(ctx, x.once, func(ctx context.Context) (*Response, error) {
		for {
			var credential string
			if !x.anonymous {
				var err error
				if credential, err = c.credential(ctx); err != nil {
					return nil, err
				}
			}
			r, err := c.send(ctx, x.request(), credential)
			switch {
			case err != nil:
				return nil, err
			case r.Status == x.want || x.or != 0 && r.Status == x.or:
				return r, nil
			case r.Status == http.StatusUnauthorized && c.renewable(credential) && !renewed:
				renewed = true
				c.login.expire(credential)
			default:
				return nil, r.Problem()
			}
		}
	})
}

// read decodes the JSON answer to a call.
func read[T any](r *Response, err error) (*T, error) {
	if err != nil {
		return nil, err
	}
	value := new(T)
	if err := json.Unmarshal(r.Body, value); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	return value, nil
}
