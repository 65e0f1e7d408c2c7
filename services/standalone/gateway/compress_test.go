package gateway_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/stretchr/testify/require"

	"eventanalytics/services/standalone/gateway"
)

// sized answers with so many bytes of a type as the path says: /bytes/type/subtype.
func sized(path string) []byte {
	n, _ := strconv.Atoi(strings.Split(path, "/")[1])
	return bytes.Repeat([]byte("0123456789"), n/10+1)[:n]
}

func answerSized(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/api/auth" {
		r.URL.Path = "/5000/application/json"
	}
	parts := strings.SplitN(r.URL.Path, "/", 3)
	w.Header().Set("Content-Type", parts[2]) // a path has no spaces but decoded ones
	w.Header().Set("ETag", `"tag"`)
	if r.URL.Query().Has("length") {
		w.Header().Set("Content-Length", parts[1])
	}
	if r.URL.Query().Has("encoded") {
		w.Header().Set("Content-Encoding", "gzip")
	}
	body := sized(r.URL.Path)
	half := len(body) / 2
	_, _ = w.Write(body[:half])
	if r.URL.Query().Has("flushed") {
		_ = http.NewResponseController(w).Flush()
	}
	if r.URL.Query().Has("aborted") {
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(body[half:])
}

func plain(t *testing.T, coding string, body io.Reader) []byte {
	t.Helper()
	switch coding {
	case "br":
		body = brotli.NewReader(body)
	case "gzip":
		z, err := gzip.NewReader(body)
		require.NoError(t, err)
		body = z
	}
	text, err := io.ReadAll(body)
	require.NoError(t, err)
	return text
}

func TestCompression(t *testing.T) {
	t.Parallel()
	g := wellGateway()
	g.Stats = gateway.Service{Name: "stats", Handler: http.HandlerFunc(answerSized)}
	g.Account = gateway.Service{Name: "account", Handler: http.HandlerFunc(answerSized)}
	addr := serve(t, g)
	const long, all = "/5000/application/json", "gzip, deflate, br, zstd"
	for name, c := range map[string]struct{ path, accept, coding string }{
		"what browsers send":       {long, all, "br"},
		"gzip alone":               {long, "gzip", "gzip"},
		"upper case":               {long, "GZIP", "gzip"},
		"neither":                  {long, "zstd, deflate", ""},
		"nothing":                  {long, "", ""},
		"anything":                 {long, "*", "br"},
		"anything but brotli":      {long, "*, br;q=0", "gzip"},
		"gzip rather":              {long, "br;q=0.5, gzip;q=0.8", "gzip"},
		"gzip rather, with spaces": {long, "br ; q=0.5 ,gzip ; q=1", "gzip"},
		"none of them":             {long, "br;q=0, gzip;q=0.0", ""},
		"plain rather":             {long, "identity, gzip;q=0.5", ""},
		"as much as plain":         {long, "identity, gzip", "gzip"},
		"a weight that is none":    {long, "br;q=x, gzip;q=0.1", "gzip"},
		"CSV":                      {"/5000/text/csv; charset=utf-8", all, "br"},
		"of known length":          {long + "?length", all, "br"},
		"in pieces":                {long + "?flushed", all, "br"},
		"short":                    {"/1023/application/json", all, ""},
		"short, of known length":   {"/1023/application/json?length", all, ""},
		"short, in pieces":         {"/900/application/json?flushed", all, ""},
		"just long enough":         {"/1024/application/json", all, "br"},
		"Parquet":                  {"/5000/application/vnd.apache.parquet", all, ""},
		"a stream of events":       {"/5000/text/event-stream", all, ""},
	} {
		response := send(t, addr, get(strings.ReplaceAll(c.path, " ", "%20"), "Accept-Encoding: "+c.accept))
		require.Equal(t, c.coding, response.Header.Get("Content-Encoding"), name)
		path, _, _ := strings.Cut(c.path, "?")
		require.Equal(t, sized(path), plain(t, c.coding, response.Body), name)
		require.Equal(t, c.coding != "", response.Header.Get("ETag") == `W/"tag"`, name)
		varies := !strings.Contains(c.path, "parquet") && !strings.Contains(c.path, "event-stream")
		require.Equal(t, varies, response.Header.Get("Vary") == "Accept-Encoding", name)
	}
	encoded := send(t, addr, get(long+"?encoded", "Accept-Encoding: br, gzip"))
	require.Equal(t, "gzip", encoded.Header.Get("Content-Encoding"), "it is not compressed twice")
	head := send(t, addr, strings.Replace(get(long, "Accept-Encoding: br"), "GET", "HEAD", 1))
	require.Empty(t, head.Header.Get("Content-Encoding"))
	account := send(t, addr, get("/api/auth", "Accept-Encoding: br"))
	require.Empty(t, account.Header.Get("Content-Encoding"), "what has credentials is not compressed")

	aborted := send(t, addr, get(long+"?flushed&aborted", "Accept-Encoding: gzip"))
	z, err := gzip.NewReader(aborted.Body)
	require.NoError(t, err)
	_, err = io.ReadAll(z)
	require.Error(t, err, "an answer that is broken off is not whole")
}

// TestStreamsPassAtOnce: each event, before the next is known.
func TestStreamsPassAtOnce(t *testing.T) {
	t.Parallel()
	g := wellGateway()
	next := make(chan struct{})
	g.Stats = gateway.Service{Name: "stats", Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for range 3 {
			_, _ = io.WriteString(w, "data: 1\n\n")
			_ = http.NewResponseController(w).Flush()
			select {
			case <-next:
			case <-time.After(10 * time.Second):
				t.Error("the client waits for an event")
			}
		}
	})}
	response := send(t, serve(t, g), get("/api/stats/events/stream", "Accept-Encoding: br, gzip"))
	for range 3 {
		_, err := io.ReadFull(response.Body, make([]byte, len("data: 1\n\n")))
		require.NoError(t, err)
		next <- struct{}{}
	}
}
