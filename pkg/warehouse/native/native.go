// Package native opens DuckDB's own database files. The service has none: its
// measurements do, to compare with.
package native

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

// Config of a database.
type Config struct {
	Path string // of the file, made if it is not there
	// Threads defaults to one for each CPU.
	Threads int
	// MemoryLimit is the most memory DuckDB takes, such as 8GB. Defaults to
	// DuckDB's own, 80 % of the machine's.
	MemoryLimit string
	// Spill is a folder for what does not fit. Defaults to one beside the file.
	Spill string
	// SpillLimit is the most that goes there, such as 20GB. Defaults to DuckDB's
	// own, 90 % of the free disk.
	SpillLimit string
}

// ErrMemory is returned when a statement needs more than MemoryLimit and
// SpillLimit.
var ErrMemory = errors.New("statement needs too much memory")

// Classify returns err as ErrMemory when it is DuckDB's error for that.
func Classify(err error) error {
	var e *duckdb.Error
	if errors.As(err, &e) && e.Type == duckdb.ErrorTypeOutOfMemory {
		return fmt.Errorf("%w: %w", ErrMemory, err)
	}
	return err
}

// Open makes or opens a database whose sessions are in UTC. It may read all
// files of the machine: use it with fixed SQL only.
func Open(ctx context.Context, cfg Config) (*sql.DB, error) {
	if cfg.Threads == 0 {
		cfg.Threads = runtime.GOMAXPROCS(0)
	}
	options := url.Values{
		"threads":                      {strconv.Itoa(cfg.Threads)},
		"autoinstall_known_extensions": {"false"},
		"autoload_known_extensions":    {"false"},
	}
	for name, value := range map[string]string{"memory_limit": cfg.MemoryLimit, "temp_directory": cfg.Spill} {
		if value != "" {
			options.Set(name, value)
		}
	}
	connector, err := duckdb.NewConnector(cfg.Path+"?"+options.Encode(), nil)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", cfg.Path, err)
	}
	db := sql.OpenDB(connector)
	settings := []string{"SET GLOBAL TimeZone = 'UTC'"}
	if cfg.SpillLimit != "" { // DuckDB shows but does not obey it as an option
		settings = append(settings, "SET GLOBAL max_temp_directory_size = '"+strings.ReplaceAll(cfg.SpillLimit, "'", "''")+"'")
	}
	for _, setting := range settings {
		if _, err := db.ExecContext(ctx, setting); err != nil {
			return nil, errors.Join(fmt.Errorf("configuring %s: %s: %w", cfg.Path, setting, err), db.Close())
		}
	}
	return db, nil
}
