package sdk

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// losing is a proxy that kills the connection instead of passing on the answer to the
// first POST: the events are stored, and the client does not know.
type losing struct {
	url  string
	lost atomic.Int64 // answers
	seen atomic.Int64 // POSTs
}

func newLosing(t *testing.T, to string) *losing {
	t.Helper()
	target, err := url.Parse(to)
	require.NoError(t, err)
	p := &losing{}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ModifyResponse: func(r *http.Response) error {
			if r.Request.Method != http.MethodPost || p.seen.Add(1) > 1 {
				return nil
			}
			_, _ = io.Copy(io.Discard, r.Body) // it is complete
			p.lost.Add(1)
			return errLost
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	web := httptest.NewServer(proxy)
	t.Cleanup(web.Close)
	p.url = web.URL
	return p
}
