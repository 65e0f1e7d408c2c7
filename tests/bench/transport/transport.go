// Package transport carries the requests of load generators at less than the cost
// of net/http, since they share the machine with what they measure.
package transport

import (
	"bytes"
	"io"
	"net/http"
	"time"

	"github.com/valyala/fasthttp"
)

// Transport is an http.RoundTripper over fasthttp. A request ends at its context's
// deadline, but not when the context is cancelled.
type Transport struct{ client fasthttp.Client }

// New makes a transport with at most so many connections to a service.
func New(connections int) *Transport {
	return &Transport{fasthttp.Client{
		MaxConnsPerHost: connections, NoDefaultUserAgentHeader: true, DisablePathNormalizing: true,
		// A request that was lost is seen, not sent again.
		MaxIdemponentCallAttempts: 1,
	}}
}

// RoundTrip sends a request once and returns its answer with the whole body.
func (x *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	request.Header.SetMethod(r.Method)
	request.SetRequestURI(r.URL.String())
	for name, values := range r.Header {
		for _, value := range values {
			request.Header.Add(name, value)
		}
	}
	if r.Body != nil {
		defer r.Body.Close()
		// Not as a stream, which is written in pieces of 4 KiB.
		if _, err := io.Copy(request.BodyWriter(), r.Body); err != nil {
			return nil, err
		}
	}
	deadline, ok := r.Context().Deadline()
	if !ok {
		deadline = time.Now().Add(time.Hour)
	}
	if err := x.client.DoDeadline(request, response, deadline); err != nil {
		return nil, err
	}
	body := bytes.Clone(response.Body())
	return &http.Response{
		StatusCode: response.StatusCode(), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: header(response), ContentLength: int64(len(body)), Body: io.NopCloser(bytes.NewReader(body)),
	}, nil
}

// header copies the header of an answer into few pieces of memory.
func header(response *fasthttp.Response) http.Header {
	n := response.Header.Len()
	h, values := make(http.Header, n), make([]string, 0, n)
	for name, value := range response.Header.All() {
		key := string(name)
		if more, ok := h[key]; ok {
			h[key] = append(more, string(value))
			continue
		}
		values = append(values, string(value))
		h[key] = values[len(values)-1 : len(values) : len(values)]
	}
	return h
}

// CloseIdleConnections closes the connections that no request uses.
func (x *Transport) CloseIdleConnections() { x.client.CloseIdleConnections() }
