package durability

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// order replays a trace of the sync worker and notes where a crash of the machine
// could have left something visible that is not on disk.
type order struct {
	root     string           // warehouse folder
	nodes    map[string]*node // files and folders, by path
	entries  map[string]int   // change of its folder that made a path
	syncs    map[*call]int    // change of the node that an fsync under way covers
	sessions map[string]*session
	rows     map[string]bool // whether the manifest has a segment, by name

	listed, dropped, unlinked int      // segments, segments, files
	wrong                     []string // each fault once
}

// node is a file or a folder. Changes up to synced survive a crash.
type node struct {
	changes, synced int
	fsyncs          int
}

// session is one of the worker's connections to Postgres.
type session struct {
	inTransaction, committing bool
	said, heard               strings.Builder // since the transaction began
}

func newOrder(root string) *order {
	return &order{
		root: root, nodes: map[string]*node{}, entries: map[string]int{}, syncs: map[*call]int{},
		sessions: map[string]*session{}, rows: map[string]bool{},
	}
}

// segmentName is that of a segment's Parquet file in a message, without the
// project's folder.
var segmentName = regexp.MustCompile(`\d+-[0-9a-f]{32}\.parquet`)

func (o *order) replay(events []event) {
	for _, e := range events {
		switch {
		case strings.HasPrefix(e.path, "UNIX-STREAM:"):
			o.talk(e)
		case strings.HasPrefix(e.path, "/"), e.path == "" && len(e.text) > 0:
			o.touch(e)
		}
	}
}

// touch follows a change of the file system.
func (o *order) touch(e event) {
	switch e.name {
	case "write", "pwrite64", "writev", "pwritev", "ftruncate", "fallocate", "copy_file_range", "sendfile":
		o.node(e.path).changes++
		if o.segmentOf(e.path) != "" {
			o.refuse("%s of %s after it got its name", e.name, e.path)
		}
	case "fsync", "fdatasync":
		if e.begins {
			o.syncs[e.call] = o.node(e.path).changes
		} else if n := o.node(e.path); e.ok {
			n.synced = max(n.synced, o.syncs[e.call])
			n.fsyncs++
		}
	case "rename", "renameat", "renameat2":
		o.rename(e)
	case "mkdir", "mkdirat":
		if e.ok && !e.begins {
			o.enter(e.text[0])
		}
	case "unlink", "unlinkat":
		o.unlink(e)
	}
}

func (o *order) rename(e event) {
	from, to := e.text[0], e.text[1]
	switch {
	case !e.ok:
	case e.begins && o.segmentOf(to) != "" && !o.node(from).clean():
		o.refuse("%s gets its name before it is synced", to)
	case !e.begins:
		o.nodes[to] = o.node(from)
		delete(o.nodes, from)
		o.enter(to)
	}
}

func (o *order) unlink(e event) {
	name := o.segmentOf(e.text[0])
	switch {
	case name == "" || !e.ok:
	case e.begins && o.rows[name]:
		o.refuse("%s is deleted while the manifest has it", e.text[0])
	case !e.begins:
		o.unlinked++
	}
}

// talk follows what is said to Postgres, and what it answers.
func (o *order) talk(e event) {
	s := o.sessions[e.path]
	if s == nil {
		s = &session{}
		o.sessions[e.path] = s
	}
	text := strings.Join(e.text, "")
	switch {
	case e.name == "write" && e.begins:
		if strings.Contains(text, `begin`) {
			*s = session{inTransaction: true}
		}
		s.said.WriteString(text)
		if s.inTransaction && strings.Contains(text, `commit\0`) {
			s.committing = true
			if !strings.Contains(s.heard.String(), "INSERT 0 ") {
				return // it asked whether the manifest has them
			}
			for _, name := range segmentName.FindAllString(s.said.String(), -1) {
				o.list(name)
			}
		}
	case e.name == "read" && !e.begins && s.inTransaction:
		s.heard.WriteString(text)
		if s.committing && strings.Contains(s.heard.String(), `COMMIT\0`) {
			for _, name := range segmentName.FindAllString(s.heard.String(), -1) {
				o.drop(name)
			}
			*s = session{}
		}
	}
}

// list is called when the transaction that makes a segment visible is committed.
func (o *order) list(name string) {
	o.listed++
	o.rows[name] = true
	found := 0
	files := []string{name, strings.TrimSuffix(name, "parquet") + "rollup", strings.TrimSuffix(name, "parquet") + "users"}
	for _, name := range files {
		for path := range o.nodes {
			if filepath.Base(path) == name && o.segmentOf(path) != "" {
				found++
				o.safe(path)
			}
		}
	}
	if found != len(files) {
		o.refuse("%s is listed with %d files in place", name, found)
	}
}

// drop is called when Postgres has confirmed that a segment's row is gone.
func (o *order) drop(name string) {
	if o.rows[name] {
		o.dropped++
	}
	o.rows[name] = false
}

// safe refuses a path that a crash could take away. A writer that finds its folder
// there does not know whether that would outlive a crash.
func (o *order) safe(path string) {
	if !o.nodes[path].clean() {
		o.refuse("%s is listed before its content is synced", path)
	}
	folder := filepath.Dir(path)
	if _, made := o.entries[folder]; !made && o.node(filepath.Dir(folder)).fsyncs == 0 {
		o.refuse("%s is listed before %s is synced, where another worker made %s", path, filepath.Dir(folder), folder)
	}
	for made := true; made; _, made = o.entries[path] {
		folder := filepath.Dir(path)
		if o.entries[path] > o.node(folder).synced {
			o.refuse("%s is listed before %s is synced", path, folder)
		}
		path = folder
	}
}

// enter notes that a folder has a new entry.
func (o *order) enter(path string) {
	folder := o.node(filepath.Dir(path))
	folder.changes++
	o.entries[path] = folder.changes
}

func (o *order) node(path string) *node {
	if o.nodes[path] == nil {
		o.nodes[path] = &node{}
	}
	return o.nodes[path]
}

func (n *node) clean() bool { return n.synced == n.changes }

var segmentPath = regexp.MustCompile(`^\d+/(\d+-[0-9a-f]{32}\.)(?:parquet|rollup|users)$`)

// segmentOf returns the name of the segment that a path is a file of, or "".
func (o *order) segmentOf(path string) string {
	below, err := filepath.Rel(o.root, path)
	if err != nil {
		return ""
	}
	match := segmentPath.FindStringSubmatch(below)
	if match == nil {
		return ""
	}
	return match[1] + "parquet"
}

func (o *order) refuse(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(o.wrong, text) {
		o.wrong = append(o.wrong, text)
	}
}
