package web

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func get(t *testing.T, d *Dashboard, path string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	content, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func load(t *testing.T) *Dashboard {
	t.Helper()
	d, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// A page that only one of the two lists has is a link that ends in a 404, or a page
// that nothing opens.
func TestPagesAreThoseOfTheRouter(t *testing.T) {
	source, err := os.ReadFile("ui/src/lib/routes.ts")
	if err != nil {
		t.Fatal(err)
	}
	var routes []string
	for _, match := range regexp.MustCompile(`path: '([^']+)'`).FindAllSubmatch(source, -1) {
		routes = append(routes, string(match[1]))
	}
	slices.Sort(routes)
	if pages := slices.Sorted(slices.Values(Pages)); !slices.Equal(pages, routes) {
		t.Fatalf("Pages are %q, the router has %q", pages, routes)
	}
}

// Every address that a page names is there, immutable, and compressed where it is text.
func TestAssets(t *testing.T) {
	d := load(t)
	page := body(t, get(t, d, "/"))
	addresses := regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(page, -1)
	if len(addresses) < 4 {
		t.Fatalf("the page names %d assets: %s", len(addresses), page)
	}
	for _, address := range addresses {
		path := address[1]
		if !strings.HasPrefix(path, AssetsPath+d.build+"/") || !d.Has(path) {
			t.Errorf("%s is not there", path)
			continue
		}
		plain := get(t, d, path)
		if cache := plain.Header.Get("Cache-Control"); cache != "public, max-age=31536000, immutable" {
			t.Errorf("%s: Cache-Control is %q", path, cache)
		}
		zipped := get(t, d, path, "Accept-Encoding", "br, gzip;q=0.5")
		if zipped.Header.Get("Content-Encoding") == "" {
			continue // too small
		}
		z, err := gzip.NewReader(zipped.Body)
		if err != nil {
			t.Fatal(path, err)
		}
		content, err := io.ReadAll(z)
		if err != nil || string(content) != body(t, plain) {
			t.Errorf("%s differs when compressed: %v", path, err)
		}
		if zipped.Header.Get("ETag") == plain.Header.Get("ETag") {
			t.Errorf("%s has one ETag for two representations", path)
		}
	}
}

func TestPageHeaders(t *testing.T) {
	d := load(t)
	for _, page := range Pages {
		page = strings.Replace(page, ":id", "7", 1)
		r := get(t, d, page)
		if r.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d", page, r.StatusCode)
		}
		for name, want := range map[string]string{
			"Content-Type":               "text/html; charset=utf-8",
			"Cache-Control":              "no-cache",
			"Content-Security-Policy":    policy,
			"X-Content-Type-Options":     "nosniff",
			"Referrer-Policy":            "no-referrer",
			"Cross-Origin-Opener-Policy": "same-origin",
			"Vary":                       "Accept-Encoding",
		} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q, not %q", page, name, got, want)
			}
		}
		again := get(t, d, page, "If-None-Match", r.Header.Get("ETag"))
		if again.StatusCode != http.StatusNotModified {
			t.Errorf("%s: %d for its own ETag", page, again.StatusCode)
		}
	}
}

// The policy forbids what is inline.
func TestNothingInline(t *testing.T) {
	page := body(t, get(t, load(t), "/"))
	if match := regexp.MustCompile(`<script>|<style|style="|\son\w+="`).FindString(page); match != "" {
		t.Errorf("%q in the page: %s", match, page)
	}
}

// What another build has is not this one's.
func TestOtherBuilds(t *testing.T) {
	d := load(t)
	for _, path := range []string{"/assets/0123456789abcdef/index.js", "/assets/index.js", "/assets/" + d.build, "/index.html", "/nowhere", "/boards/:id", "/boards/seven", "/boards/7/8"} {
		if d.Has(path) || get(t, d, path).StatusCode != http.StatusNotFound {
			t.Errorf("%s is there", path)
		}
	}
}

// The build's id changes with any file's content or name.
func TestBuildID(t *testing.T) {
	one := fstest.MapFS{"dist/index.html": {Data: []byte("a")}, "dist/assets/b.js": {Data: []byte("b")}}
	ids := map[string]bool{}
	for _, files := range []fs.FS{
		one,
		fstest.MapFS{"dist/index.html": {Data: []byte("a")}, "dist/assets/b.js": {Data: []byte("c")}},
		fstest.MapFS{"dist/index.html": {Data: []byte("a")}, "dist/assets/c.js": {Data: []byte("b")}},
		fstest.MapFS{"dist/index.html": {Data: []byte("ab")}, "dist/assets/b.js": {Data: nil}},
	} {
		_, id, err := read(files)
		if err != nil {
			t.Fatal(err)
		}
		ids[id] = true
	}
	if len(ids) != 4 {
		t.Errorf("four builds have %d ids", len(ids))
	}
	if _, again, _ := read(one); !ids[again] {
		t.Error("the same files have another id")
	}
}

// Pages of other origins load the tracker, with integrity, and keep it for an hour: its
// address stays the same.
func TestTrackerIsForOtherOrigins(t *testing.T) {
	d := load(t)
	r := get(t, d, TrackerPath, "Origin", "https://shop.example")
	if r.StatusCode != http.StatusOK || body(t, r) != string(tracker) {
		t.Fatalf("%s is answered %d", TrackerPath, r.StatusCode)
	}
	for name, want := range map[string]string{
		"Content-Type": "text/javascript; charset=utf-8", "Access-Control-Allow-Origin": "*",
		"Cross-Origin-Resource-Policy": "cross-origin", "Cache-Control": "public, max-age=3600, stale-while-revalidate=86400",
	} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s is %q, not %q", name, got, want)
		}
	}
	if r := get(t, d, TrackerPath, "If-None-Match", r.Header.Get("ETag")); r.StatusCode != http.StatusNotModified {
		t.Errorf("asked again it is answered %d", r.StatusCode)
	}
	for path := range d.files {
		if r := get(t, d, path); path != TrackerPath && r.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s is for other origins", path)
		}
	}
}

func TestAcceptsGzip(t *testing.T) {
	for header, want := range map[string]bool{
		"": false, "gzip": true, "br, gzip": true, "GZIP;q=1": true, "gzip;q=0": false, "gzip; q=0.000": false,
		"gzip;q=0.1": true, "deflate": false, "x-gzip": false, "*": false,
	} {
		if got := acceptsGzip(header); got != want {
			t.Errorf("%q: %t", header, got)
		}
	}
}

// What visits cost: styles, the scripts of the first page, and those that each further
// page adds. Playwright measures a whole visit, with headers.
func TestBudget(t *testing.T) {
	const scripts, page, styles = 80 << 10, 15 << 10, 15 << 10
	contents, _, err := read(dist)
	if err != nil {
		t.Fatal(err)
	}
	var css int
	for name, content := range contents {
		if strings.HasSuffix(name, ".css") {
			css += gzipped(t, content)
		}
	}
	if css > styles {
		t.Errorf("all styles are %d bytes, the budget is %d", css, styles)
	}
	shell := contents["assets/index.js"]
	pages := regexp.MustCompile("import\\(`\\./(\\w+\\.js)`\\)").FindAllSubmatch(shell, -1)
	if len(pages) < 15 {
		t.Fatalf("assets/index.js loads %d pages", len(pages))
	}
	first := maps.Clone(needed(contents, "index.js"))
	maps.Copy(first, needed(contents, string(pages[0][1])))
	cost := func(files map[string]bool) (bytes int) {
		for name := range files {
			bytes += gzipped(t, contents["assets/"+name])
		}
		return bytes
	}
	t.Logf("styles %d bytes, the first page's scripts %d", css, cost(first))
	for _, match := range pages {
		name := string(match[1])
		alone := maps.Clone(needed(contents, "index.js"))
		added := needed(contents, name)
		maps.Copy(alone, added)
		maps.DeleteFunc(added, func(file string, _ bool) bool { return first[file] })
		t.Logf("%s %d bytes, after the first page %d", name, cost(alone), cost(added))
		if js := cost(alone); js > scripts {
			t.Errorf("the scripts of a visit of %s are %d bytes, the budget is %d", name, js, scripts)
		}
		if js := cost(added); js > page {
			t.Errorf("%s adds %d bytes to the first page, the budget is %d", name, js, page)
		}
	}
	if js := gzipped(t, tracker); js > 3000 {
		t.Errorf("the tracker is %d bytes, the budget is 3,000", js)
	}
}

var imported = regexp.MustCompile("(?:from|import)[\"'`]\\./(\\w[\\w.-]*\\.js)[\"'`]")

// needed returns a script and all that it imports.
func needed(contents map[string][]byte, script string) map[string]bool {
	files := map[string]bool{}
	for next := []string{script}; len(next) > 0; next = next[1:] {
		if files[next[0]] {
			continue
		}
		files[next[0]] = true
		for _, match := range imported.FindAllSubmatch(contents["assets/"+next[0]], -1) {
			next = append(next, string(match[1]))
		}
	}
	return files
}

func gzipped(t *testing.T, content []byte) int {
	t.Helper()
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Len()
}
