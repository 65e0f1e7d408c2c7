package main

import (
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/chdb-io/chdb-go/chdb"
)

// engine answers HTTP requests. The library panics when it is used concurrently.
type engine struct {
	mu      sync.Mutex
	session *chdb.Session
	folder  string // for what requests bring
}

// small are settings for queries of few rows: threads and compiled code take longer than
// they save.
const small = "SET max_threads = 1, max_parsing_threads = 1, compile_expressions = 0, compile_aggregate_expressions = 0, compile_sort_description = 0"

func newEngine(folder string, ofFewRows bool) (*engine, error) {
	session, err := chdb.NewSession(filepath.Join(folder, "session"))
	if err != nil {
		return nil, fmt.Errorf("opening a session of ClickHouse: %w", err)
	}
	e := &engine{session: session, folder: folder}
	if ofFewRows {
		if err := e.do(small); err != nil {
			session.Close()
			return nil, err
		}
	}
	return e, nil
}

func (e *engine) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.session.Close()
}

// ServeHTTP answers a query.
func (e *engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/ping" {
		_, _ = io.WriteString(w, "Ok.\n")
		return
	}
	q, err := e.read(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	defer q.remove()
	e.mu.Lock()
	defer e.mu.Unlock()
	data, err := e.run(q)
	if err != nil {
		fail(w, err)
		return
	}
	if q.format == "Native" && q.revision > 0 {
		if data, err = recode(data, q.revision); err != nil {
			fail(w, err)
			return
		}
	}
	w.Header().Set("X-ClickHouse-Format", q.format)
	_, _ = w.Write(data)
}

var code = regexp.MustCompile(`Code: (\d+)`)

// fail answers as the server does: with the code of an error in a header, too.
func fail(w http.ResponseWriter, err error) {
	if found := code.FindStringSubmatch(err.Error()); found != nil {
		w.Header().Set("X-ClickHouse-Exception-Code", found[1])
	}
	http.Error(w, err.Error(), http.StatusInternalServerError)
}

// query is a request.
type query struct {
	text     string
	format   string
	revision uint64            // of the native format
	settings map[string]string // parameters among them
	readOnly bool
	tables   []table
}

// table is one that a request brings.
type table struct{ name, structure, path string }

func (q *query) remove() {
	for _, t := range q.tables {
		_ = os.Remove(t.path)
	}
}

// notSettings are the names in an address that are none.
var notSettings = []string{"query", "default_format", "client_protocol_version", "database", "query_id", "session_id", "wait_end_of_query", "buffer_size", "compress", "decompress", "readonly"}

func (e *engine) read(r *http.Request) (*query, error) {
	values := r.URL.Query()
	q := &query{text: values.Get("query"), format: values.Get("default_format"), settings: map[string]string{}, readOnly: values.Get("readonly") != "" && values.Get("readonly") != "0"}
	q.revision, _ = strconv.ParseUint(values.Get("client_protocol_version"), 10, 64)
	if f := r.Header.Get("X-ClickHouse-Format"); f != "" {
		q.format = f
	}
	if q.format == "" {
		q.format = "TabSeparated"
	}
	body, err := r.MultipartReader()
	if errors.Is(err, http.ErrNotMultipart) {
		text, err := io.ReadAll(r.Body)
		q.text += string(text)
		if err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	} else if err := e.parts(q, body, values.Get); err != nil {
		q.remove()
		return nil, err
	}
	for name := range values {
		_, ofTable := strings.CutSuffix(name, "_structure")
		_, isFormat := strings.CutSuffix(name, "_format")
		if !slices.Contains(notSettings, name) && !(len(q.tables) > 0 && (ofTable || isFormat)) {
			q.settings[name] = values.Get(name)
		}
	}
	return q, nil
}

// parts reads the query and its tables from the body of a request.
func (e *engine) parts(q *query, body *multipart.Reader, value func(string) string) error {
	for {
		part, err := body.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return err
		}
		name := part.FormName()
		if name == "query" {
			q.text += string(data)
			continue
		}
		if format := value(name + "_format"); format != "Native" {
			return fmt.Errorf("the table %s comes as %q", name, format)
		}
		f, err := os.CreateTemp(e.folder, "table-*.native")
		if err != nil {
			return err
		}
		q.tables = append(q.tables, table{name, value(name + "_structure"), f.Name()})
		_, err = f.Write(data)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
}

// reads is what begins a query that does.
var reads = regexp.MustCompile(`^(\s|--.*\n)*(?i:SELECT|WITH)\b`)

// run runs a query: settings and tables are the session's, so they are taken back.
func (e *engine) run(q *query) (data []byte, err error) {
	if q.readOnly && !reads.MatchString(q.text) {
		return nil, errors.New("Code: 164. DB::Exception: Cannot execute query in readonly mode. (READONLY)") //nolint:revive,staticcheck // as the server says it
	}
	var set, reset []string
	for name, value := range q.settings {
		set = append(set, name+" = "+quoted(value))
		if !strings.HasPrefix(name, "param_") {
			reset = append(reset, name+" = DEFAULT")
		}
	}
	if len(reset) > 0 {
		defer func() { err = errors.Join(err, e.do("SET "+strings.Join(reset, ", "))) }()
	}
	if len(set) > 0 {
		if err := e.do("SET " + strings.Join(set, ", ")); err != nil {
			return nil, err
		}
	}
	for _, t := range q.tables {
		if err := e.do("CREATE TEMPORARY TABLE " + t.name + " AS SELECT * FROM file(" + quoted(t.path) + ", Native, " + quoted(t.structure) + ")"); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, e.do("DROP TEMPORARY TABLE "+t.name)) }()
	}
	return e.ask(q.text, q.format)
}

func (e *engine) do(statement string) error {
	_, err := e.ask(statement, "TSV")
	return err
}

func (e *engine) ask(statement, format string) ([]byte, error) {
	result, err := e.session.Query(statement, format)
	if err != nil {
		return nil, err
	}
	defer result.Free()
	if err := result.Error(); err != nil {
		return nil, err
	}
	return slices.Clone(result.Buf()), nil // the buffer is freed
}

func quoted(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}
