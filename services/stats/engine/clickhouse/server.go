package clickhouse

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/zap"

	"eventanalytics/pkg/warehouse/segment"
	"eventanalytics/pkg/warehouse/turns"
	"eventanalytics/services/stats/engine"
)

var (
	// ErrTimeout is returned for a scan that takes longer than the time of a query.
	ErrTimeout = errors.New("ClickHouse takes too long")
	// ErrMemory is returned for a scan that takes more memory than it may.
	ErrMemory = errors.New("ClickHouse needs too much memory")
)

// Times beside that of a query.
const (
	dialTimeout = 5 * time.Second // a busy server has to say hello in it, too
	// breakFor is how long a server that did not answer is not asked again.
	breakFor = 30 * time.Second
	// margin is how much earlier than here a query ends there, which says why.
	margin = time.Second
)

// Server is a ClickHouse, which all questions ask.
type Server struct {
	cfg     Config
	conn    driver.Conn
	files   files
	turns   *turns.Turns
	timeout time.Duration
	damaged func(segment.File) error // what is known to be wrong with a file
	metrics *Metrics
	log     *zap.Logger
	now     func() time.Time

	mu    sync.Mutex
	until time.Time // not asked before
}

// Open makes a Server for queries of at most some time. It does not connect yet. damaged
// says what is known to be wrong with a file. Close it.
func Open(cfg Config, timeout time.Duration, damaged func(segment.File) error, metrics *Metrics, log *zap.Logger) (*Server, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("reading ENGINE_URL: %w", err)
	}
	where, err := parseFiles(cfg.Files)
	if err != nil {
		return nil, err
	}
	options := &clickhouse.Options{
		Protocol: clickhouse.HTTP, Addr: []string{address(u)}, Auth: clickhouse.Auth{Username: cfg.User, Password: string(cfg.Password)},
		DialTimeout: dialTimeout, ReadTimeout: timeout + margin, MaxOpenConns: cfg.MaxQueries + 1, MaxIdleConns: cfg.MaxQueries + 1,
		HttpMaxConnsPerHost: cfg.MaxQueries + 1,
	}
	if u.Scheme == "https" {
		options.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	conn, err := clickhouse.Open(options)
	if err != nil {
		return nil, fmt.Errorf("preparing to ask ClickHouse: %w", err)
	}
	s := &Server{cfg: cfg, conn: conn, files: where, turns: turns.New(cfg.MaxQueries), timeout: timeout, damaged: damaged, metrics: metrics, log: log, now: time.Now}
	return s, nil
}

// Close ends all queries.
func (s *Server) Close() error {
	if err := s.conn.Close(); err != nil {
		return fmt.Errorf("closing the connections to ClickHouse: %w", err)
	}
	return nil
}

// settings of a query. Those that decide what an expression means are set whatever the
// user's profile has.
func (s *Server) settings() clickhouse.Settings {
	return clickhouse.Settings{
		"readonly":                  2,
		"max_execution_time":        max(1, int((s.timeout - margin).Seconds())),
		"max_memory_usage":          s.cfg.MemoryBytes,
		"max_result_bytes":          4 * engine.MaxBytes,
		"max_query_size":            maxQueryBytes,
		"max_ast_elements":          500_000,
		"max_expanded_ast_elements": 5_000_000,
		"cancel_http_readonly_queries_on_client_close":          1,
		"wait_end_of_query":                                     1, // so that an error comes with its code
		"session_timezone":                                      "UTC",
		"join_use_nulls":                                        0,
		"transform_null_in":                                     0,
		"input_format_null_as_default":                          1,
		"input_format_parquet_allow_missing_columns":            1,
		"input_format_parquet_case_insensitive_column_matching": 0,
		"allow_simdjson":                                        1,
		// 26.5 refuses statements whose conditions share a part once it moves them to where
		// columns are read: "Not found column", "KeyCondition uses PREWHERE output".
		"optimize_move_to_prewhere": 0,
		// A limit of the profile must not make an answer out of a part of the events.
		"read_overflow_mode":     "throw",
		"group_by_overflow_mode": "throw",
		"sort_overflow_mode":     "throw",
		"distinct_overflow_mode": "throw",
		"set_overflow_mode":      "throw",
		"join_overflow_mode":     "throw",
		"transfer_overflow_mode": "throw",
		"timeout_overflow_mode":  "throw",
		"result_overflow_mode":   "throw",
		"limit":                  0,
		"offset":                 0,
	}
}

// maxQueryBytes is the maximum length of a statement.
const maxQueryBytes = 8 << 20

// run runs a statement over the events of an engine, once it is its project's turn, and calls
// scan for each row. The error is engine.ErrUnsupported where another engine is to serve.
func (e *Engine) run(ctx context.Context, st *statement, scan func(driver.Rows) error) error {
	s := e.server
	if st.err != nil {
		return s.count(st.err)
	}
	segments, err := e.segments(st)
	if err != nil {
		return err
	}
	text := st.sql(e, segments)
	switch {
	case st.err != nil:
		return s.count(st.err)
	case st.tooLarge() || len(text) > maxQueryBytes:
		return s.count(fmt.Errorf("%w: the statement is too large", engine.ErrUnsupported))
	}
	if !s.mayAsk() {
		return s.count(fmt.Errorf("%w: %w", engine.ErrUnsupported, errResting))
	}
	if err := s.turns.Enter(ctx, e.project, s.timeout); err != nil {
		return s.count(err)
	}
	defer s.turns.Leave(e.project)
	limited, cancel := context.WithTimeoutCause(ctx, s.timeout, ErrTimeout)
	defer cancel()
	err = s.query(limited, st, text, scan)
	return s.count(s.judge(ctx, limited, err))
}

func (s *Server) query(ctx context.Context, st *statement, text string, scan func(driver.Rows) error) (err error) {
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(s.settings()), clickhouse.WithExternalTable(st.tables...))
	rows, err := s.conn.Query(ctx, text, st.values...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return scanError{err}
		}
	}
	return rows.Err()
}

// scanError is one of what is made of rows.
type scanError struct{ error }

func (e scanError) Unwrap() error { return e.error }
