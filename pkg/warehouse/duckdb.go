package warehouse

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"runtime"
	"strconv"
	"strings"

	"github.com/duckdb/duckdb-go/v2"
)

// open makes an in-memory DuckDB that can read and write below dir and the others
// only and whose settings cannot be changed any more. spill is a folder below one
// of these for what does not fit into memory; when empty, such statements fail
// instead.
func open(cfg Config, dir, spill string, others ...string) (*sql.DB, error) {
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
	connector, err := duckdb.NewConnector("?"+options.Encode(), nil)
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

// kind returns DuckDB's classification of an error, or ErrorTypeInvalid for
// errors of other origin.
func kind(err error) duckdb.ErrorType {
	var e *duckdb.Error
	if errors.As(err, &e) {
		return e.Type
	}
	return duckdb.ErrorTypeInvalid
}
