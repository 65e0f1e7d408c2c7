// Package warehouse has the settings of everything that opens the warehouse
// folder. README.md says what the folders beside it are for.
package warehouse

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Config of everything that opens the warehouse folder.
type Config struct {
	Dir          string        `env:"WAREHOUSE_DIR,required" doc:"Folder of the Parquet segments, shared by the sync worker (writes) and the stats replicas (read). With WAREHOUSE_S3_BUCKET it has copies and need not be shared"`
	MemoryLimit  string        `env:"WAREHOUSE_MEMORY_LIMIT" envDefault:"2GiB" doc:"Maximum memory of each DuckDB, one in a sync worker and one in a stats replica. By default, of what the process may take, its cgroup's limit or else the machine's memory: five twelfths, half of that in standalone, and at most 2 GiB; in a sync worker, where it reads single files, a twelfth, and at most 256 MiB. GOMEMLIMIT, unless it is set too, is what is left without a sixth of the whole"`
	RollUpBytes  int64         `env:"WAREHOUSE_ROLLUP_BYTES" envDefault:"1073741824" doc:"Maximum memory of roll-ups in a stats replica, in addition to DuckDB's. By default half of GOMEMLIMIT, and at most 1 GiB. Projects that do not fit are answered from their events, more slowly"`
	UsersBytes   int64         `env:"WAREHOUSE_USERS_BYTES" envDefault:"67108864" doc:"Maximum memory of a stats replica for events by user that it makes again because their files are damaged, or of an older version. Questions that need more of them are refused until the files are back"`
	Threads      int           `env:"WAREHOUSE_THREADS" envDefault:"0" doc:"Threads that DuckDB uses; 0: one per CPU for queries, and one in a sync worker"`
	MaxQueries   int           `env:"WAREHOUSE_MAX_QUERIES" envDefault:"2" doc:"Maximum queries at a time; others wait. Two raw queries saturate two CPUs"`
	QueryTimeout time.Duration `env:"WAREHOUSE_QUERY_TIMEOUT" envDefault:"30s" doc:"Maximum time a query may wait, and then run"`
	PollInterval time.Duration `env:"WAREHOUSE_POLL_INTERVAL" envDefault:"1s" doc:"How often a replica polls the manifest if no notification arrives"`
	GracePeriod  time.Duration `env:"WAREHOUSE_GRACE_PERIOD" envDefault:"1h" doc:"How long files are kept after they leave the manifest; a replica that has been unable to read the manifest for half this time stops answering. The same in all services, at least 1h"`
	Bucket       Bucket
}

// MinGracePeriod is the minimum GracePeriod: a replica may be paused, partitioned
// or slow for half of it and still reads no deleted file.
const MinGracePeriod = time.Hour

// Validate reports everything that is wrong with the settings.
func (c *Config) Validate() error {
	var errs []error
	if strings.ContainsAny(c.Dir, "*?[]\x00") {
		errs = append(errs, errors.New("WAREHOUSE_DIR must not contain *, ?, [ or ]: DuckDB reads them as patterns"))
	}
	if c.Threads < 0 || c.MaxQueries < 1 {
		errs = append(errs, errors.New("WAREHOUSE_THREADS must not be negative, WAREHOUSE_MAX_QUERIES at least 1"))
	}
	if c.RollUpBytes < 0 || c.UsersBytes < 0 {
		errs = append(errs, errors.New("WAREHOUSE_ROLLUP_BYTES and WAREHOUSE_USERS_BYTES must not be negative"))
	}
	if c.QueryTimeout <= 0 || c.PollInterval <= 0 {
		errs = append(errs, errors.New("WAREHOUSE_QUERY_TIMEOUT and WAREHOUSE_POLL_INTERVAL must be positive"))
	}
	if c.GracePeriod < MinGracePeriod {
		errs = append(errs, fmt.Errorf("WAREHOUSE_GRACE_PERIOD must be at least %s", MinGracePeriod))
	}
	if c.GracePeriod < 4*c.QueryTimeout {
		errs = append(errs, errors.New("WAREHOUSE_GRACE_PERIOD must be at least four times WAREHOUSE_QUERY_TIMEOUT: a query must end before its files go"))
	}
	return errors.Join(errs...)
}

// Folder returns the warehouse folder as an absolute path without links: DuckDB
// compares paths with the one it is allowed as text. The folder must exist.
func (c *Config) Folder() (string, error) {
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return "", fmt.Errorf("finding the warehouse folder: %w", err)
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return "", fmt.Errorf("finding the warehouse folder: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return "", fmt.Errorf("finding the warehouse folder: %w", err)
	}
	if !info.IsDir() {
		return "", fmt.Errorf("finding the warehouse folder: %s is not a folder", dir)
	}
	return dir, nil
}
