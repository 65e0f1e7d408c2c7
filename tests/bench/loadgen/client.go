package loadgen

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/valyala/fasthttp"
)

// ClientConfig says where to post events.
type ClientConfig struct {
	URL string // of the service, without a path
	// Authorization is the header's value: "Bearer " and an API key or token.
	Authorization string
	// Compression of the bodies: "none", "gzip" or "zstd". Defaults to none.
	Compression string
	// Connections is the most that are open at once.
	Connections int
	// Timeout of one request. Defaults to a minute.
	Timeout time.Duration
}

// Client posts bodies; many goroutines may use it.
type Client struct {
	http     *fasthttp.HostClient
	cfg      ClientConfig
	endpoint string
	zstd     *zstd.Encoder
}

// Answer to accepted events.
type Answer struct {
	Accepted   int64
	Duplicates int64
	Rejected   int64
	Position   string
}

// Post is one request, to be used again and again by one goroutine.
type Post struct {
	client   *Client
	request  *fasthttp.Request
	response *fasthttp.Response
	gzip     *gzip.Writer
	gzipped  bytes.Buffer
	zstd     []byte
}

// NewClient does not connect yet.
func NewClient(cfg ClientConfig) (*Client, error) {
	if cfg.Timeout == 0 {
		cfg.Timeout = time.Minute
	}
	base, err := url.Parse(cfg.URL)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, fmt.Errorf("%q is no URL of a service", cfg.URL)
	}
	addr := base.Host
	if base.Port() == "" {
		addr += map[string]string{"http": ":80", "https": ":443"}[base.Scheme]
	}
	c := &Client{cfg: cfg, endpoint: base.JoinPath("/api/events").String(), http: &fasthttp.HostClient{
		Addr: addr, IsTLS: base.Scheme == "https", MaxConns: cfg.Connections, NoDefaultUserAgentHeader: true,
		// A request that was lost is seen, not sent again.
		MaxIdemponentCallAttempts: 1,
	}}
	switch cfg.Compression {
	case "", "none", "gzip":
	case "zstd":
		if c.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(cfg.Connections)); err != nil {
			return nil, fmt.Errorf("preparing zstd: %w", err)
		}
	default:
		return nil, fmt.Errorf("compression %q is none of none, gzip and zstd", cfg.Compression)
	}
	return c, nil
}

// Close closes the connections that are idle.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// NewPost makes a request.
func (c *Client) NewPost() *Post {
	p := &Post{client: c, request: &fasthttp.Request{}, response: &fasthttp.Response{}}
	h := &p.request.Header
	h.SetMethod(fasthttp.MethodPost)
	h.SetContentType("application/json")
	if c.cfg.Authorization != "" {
		h.Set("Authorization", c.cfg.Authorization)
	}
	switch c.cfg.Compression {
	case "gzip":
		p.gzip, _ = gzip.NewWriterLevel(nil, gzip.BestSpeed) // a level there is
		h.Set("Content-Encoding", "gzip")
	case "zstd":
		h.Set("Content-Encoding", "zstd")
	}
	p.request.SetRequestURI(c.endpoint)
	return p
}

// SetBody sets the JSON to send; it is used until the next SetBody.
func (p *Post) SetBody(body []byte) error {
	switch {
	case p.gzip != nil:
		p.gzipped.Reset()
		p.gzip.Reset(&p.gzipped)
		if _, err := p.gzip.Write(body); err != nil {
			return fmt.Errorf("compressing a body: %w", err)
		}
		if err := p.gzip.Close(); err != nil {
			return fmt.Errorf("compressing a body: %w", err)
		}
		body = p.gzipped.Bytes()
	case p.client.zstd != nil:
		p.zstd = p.client.zstd.EncodeAll(body, p.zstd[:0])
		body = p.zstd
	}
	p.request.SetBodyRaw(body)
	return nil
}

// Do sends the request. Any status is an answer; an error means that none came,
// or that a 202 was not what the API promises.
func (p *Post) Do() (status int, answer Answer, err error) {
	if err := p.client.http.DoTimeout(p.request, p.response, p.client.cfg.Timeout); err != nil {
		return 0, answer, fmt.Errorf("posting events: %w", err)
	}
	status = p.response.StatusCode()
	if status == http.StatusAccepted {
		if err := json.Unmarshal(p.response.Body(), &answer); err != nil {
			return status, answer, fmt.Errorf("reading the answer: %w", err)
		}
	}
	return status, answer, nil
}

// Text is the body of the last answer.
func (p *Post) Text() string { return string(p.response.Body()) }
