// Package web serves the dashboard: pages that Vite built from ui into dist, which is
// committed, so that building the service needs no npm.
//
// The files have plain names, so that a rebuild changes few of them. In addresses they
// are below the build's id, a hash of them all: what is at /assets/<id>/ never
// changes, and browsers keep it.
//
// It also serves the script that other pages embed to send events, built from tracker.
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"regexp"
	"strings"
	"time"
)

//go:embed all:dist
var dist embed.FS

//go:embed tracker/dist/tracker.js
var tracker []byte

// Pages are the paths of the dashboard's pages, as ui/src/lib/routes.ts has them; :id
// is any number. Each is answered with the same document, whose router shows the page.
var Pages = []string{
	"/", "/explore", "/funnels", "/retention", "/paths", "/lifecycle", "/stickiness", "/sessions",
	"/boards", "/boards/:id", "/users", "/cohorts", "/live", "/events", "/share", "/invite", "/start", "/settings",
}

// AssetsPath is where scripts, styles and fonts are.
const AssetsPath = "/assets/"

// TrackerPath is the script for pages of other origins. Its address is written into them,
// so it names no build.
const TrackerPath = "/tracker.js"

// policy is the content security policy of all pages: scripts and styles of this
// service alone, requests to it alone, no page around it. Svelte makes its elements
// from templates of its own by the policy svelte-trusted-html.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types svelte-trusted-html"

// Dashboard has all files in memory, as they are and compressed.
type Dashboard struct {
	build string
	files map[string]file // by path
}

type file struct {
	plain, gzipped []byte // gzipped is nil for what does not become smaller
	kind           string
	tag            string
	forever        bool // the path names the build
	embedded       bool // pages of other origins load it
}

// Load compresses the files, which takes some ten milliseconds.
func Load() (*Dashboard, error) {
	contents, build, err := read(dist)
	if err != nil {
		return nil, err
	}
	d := &Dashboard{build: build, files: map[string]file{}}
	for name, content := range contents {
		if name == "index.html" {
			continue
		}
		f, err := newFile(name, content)
		if err != nil {
			return nil, err
		}
		f.forever = true
		d.files[d.asset(name)] = f
	}
	index, err := newFile("index.html", bytes.ReplaceAll(contents["index.html"], []byte("./assets/"), []byte(d.asset("assets/"))))
	if err != nil {
		return nil, err
	}
	for _, page := range Pages {
		d.files[page] = index
	}
	script, err := newFile(TrackerPath, tracker)
	if err != nil {
		return nil, err
	}
	script.embedded = true
	d.files[TrackerPath] = script
	return d, nil
}

// asset is the path of a file of dist.
func (d *Dashboard) asset(name string) string {
	return AssetsPath + d.build + "/" + strings.TrimPrefix(name, "assets/")
}

// read returns the files below dist, and the build's id.
func read(from fs.FS) (contents map[string][]byte, build string, err error) {
	contents, sum := map[string][]byte{}, sha256.New()
	err = fs.WalkDir(from, "dist", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(from, name)
		if err != nil {
			return err
		}
		contents[strings.TrimPrefix(name, "dist/")] = content
		fmt.Fprintf(sum, "%s %d\n", name, len(content))
		sum.Write(content)
		return nil
	})
	if err != nil {
		return nil, "", fmt.Errorf("reading the dashboard: %w", err)
	}
	return contents, hex.EncodeToString(sum.Sum(nil)[:8]), nil
}

func newFile(name string, content []byte) (file, error) {
	sum := sha256.Sum256(content)
	f := file{plain: content, kind: kindOf(name), tag: hex.EncodeToString(sum[:8])}
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return file{}, err
	}
	if _, err := z.Write(content); err != nil {
		return file{}, fmt.Errorf("compressing %s: %w", name, err)
	}
	if err := z.Close(); err != nil {
		return file{}, fmt.Errorf("compressing %s: %w", name, err)
	}
	if b.Len() < len(content)*9/10 {
		f.gzipped = b.Bytes()
	}
	return f, nil
}

// kindOf is the media type of a file. Machines differ in what they know of fonts.
func kindOf(name string) string {
	switch extension := path.Ext(name); extension {
	case ".woff2":
		return "font/woff2"
	case ".txt":
		return "text/plain; charset=utf-8"
	default:
		return mime.TypeByExtension(extension)
	}
}

// Has reports whether there is something at a path. Assets of other builds are not
// there: a replica of that build may have them.
func (d *Dashboard) Has(path string) bool {
	_, ok := d.at(path)
	return ok
}

var boardPath = regexp.MustCompile(`^/boards/\d+$`)

// at returns the file at a path.
func (d *Dashboard) at(path string) (file, bool) {
	if boardPath.MatchString(path) {
		path = "/boards/:id"
	} else if strings.Contains(path, ":") {
		return file{}, false
	}
	f, ok := d.files[path]
	return f, ok
}

// ServeHTTP answers with what is at the request's path.
func (d *Dashboard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f, ok := d.at(r.URL.Path)
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	h.Set("Vary", "Accept-Encoding")
	h.Set("Cache-Control", "no-cache")
	switch {
	case f.forever:
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	case f.embedded:
		h.Set("Cache-Control", "public, max-age=3600, stale-while-revalidate=86400")
		h.Set("Access-Control-Allow-Origin", "*") // for integrity
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	}
	body, tag := f.plain, f.tag
	if f.gzipped != nil && acceptsGzip(r.Header.Get("Accept-Encoding")) {
		body, tag = f.gzipped, f.tag+"-gzip"
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("ETag", `"`+tag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// acceptsGzip reads an Accept-Encoding header.
func acceptsGzip(header string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, weight, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			q := strings.ReplaceAll(weight, " ", "")
			return !strings.HasPrefix(q, "q=0") || strings.Trim(q, "q=0.") != ""
		}
	}
	return false
}
