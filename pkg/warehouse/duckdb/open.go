// Package duckdb answers SQL over segments with DuckDB, and writes, merges, exports and
// rebuilds them. Beside it only package sandbox, which runs what people write, imports DuckDB.
package duckdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	driver "github.com/duckdb/duckdb-go/v2"

	"eventanalytics/pkg/warehouse"
	"eventanalytics/pkg/warehouse/segment"
)

// open makes an in-memory DuckDB that can read and write only below dir and the
// others, and whose settings can no longer be changed. spill is a folder below one
// of these for what does not fit into memory; when empty, such statements fail
// instead.
func open(cfg warehouse.Config, dir, spill string, others ...string) (*sql.DB, error) {
	var allowed []string
	for _, folder := range append([]string{dir}, others...) {
		allowed = append(allowed, quote(folder+"/"))
	}
	threads := cfg.Threads
	if threads == 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	options := url.Values{
		"threads":                      {strconv.Itoa(threads)},
		"memory_limit":                 {cfg.MemoryLimit},
		"temp_directory":               {spill},
		"autoinstall_known_extensions": {"false"},
		"autoload_known_extensions":    {"false"},
	}
	connector, err := driver.NewConnector("?"+options.Encode(), nil)
	if err != nil {
		return nil, fmt.Errorf("opening DuckDB: %w", err)
	}
	db := sql.OpenDB(connector)
	for _, setting := range []string{
		"SET GLOBAL TimeZone = 'UTC'",
		// The page cache has the files: a second copy would only fill MemoryLimit. A
		// cache of footers would never forget those of merged segments.
		"SET enable_external_file_cache = false",
		"SET parquet_metadata_cache = false",
		"SET allowed_directories = [" + strings.Join(allowed, ", ") + "]",
		"SET enable_external_access = false",
		"SET lock_configuration = true", // last: it forbids the others
	} {
		if _, err := db.ExecContext(context.Background(), setting); err != nil {
			return nil, errors.Join(fmt.Errorf("configuring DuckDB: %s: %w", setting, err), db.Close())
		}
	}
	return db, nil
}

// quote writes s as a SQL string.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// identifier writes a name as SQL.
func identifier(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// timestamptzLiteral writes a time as a constant, in whole microseconds.
func timestamptzLiteral(t time.Time) string {
	return "make_timestamptz(" + strconv.FormatInt(t.UnixMicro(), 10) + "::BIGINT)"
}

// readParquet is the table function over the files of segments.
func readParquet(dir string, segments []segment.Segment) string {
	return readParquetWith(dir, segments, "")
}

// readRows is readParquet with the columns file_index, from 0 in the order of the
// segments, and file_row_number.
func readRows(dir string, segments []segment.Segment) string {
	return readParquetWith(dir, segments, ", file_row_number = true")
}

func readParquetWith(dir string, segments []segment.Segment, options string) string {
	paths := make([]string, len(segments))
	for i, s := range segments {
		paths[i] = quote(filepath.Join(dir, s.Path))
	}
	return "read_parquet([" + strings.Join(paths, ", ") + "], hive_partitioning = false" + options + ")"
}

// kind returns DuckDB's classification of an error, or ErrorTypeInvalid for
// errors of other origin.
func kind(err error) driver.ErrorType {
	var e *driver.Error
	if errors.As(err, &e) {
		return e.Type
	}
	return driver.ErrorTypeInvalid
}
