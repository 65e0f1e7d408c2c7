// Package memory divides the memory that a process may take between Go's heap and
// the DuckDBs in it. Both know nothing of each other, and nothing of the limit at
// which the kernel kills the process: this is the one place that decides.
package memory

import (
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// The settings that are derived from the limit unless the environment has them.
const (
	DuckDBSetting       = "WAREHOUSE_MEMORY_LIMIT"
	rollUpsSetting      = "WAREHOUSE_ROLLUP_BYTES"
	loadSetting         = "WORKER_LOAD_BYTES"
	MergeSetting        = "WORKER_MERGE_BYTES"
	mergeRollUpsSetting = "WORKER_MERGE_ROLLUP_BYTES"
	goSetting           = "GOMEMLIMIT"
	SQLSetting          = "SQL_MEMORY_BYTES"
)

const (
	mib = 1 << 20
	// maxDuckDB and maxRollUps are what one DuckDB and the roll-ups of a replica get at
	// most: beyond that a larger machine gains little, and has other things to do.
	maxDuckDB  = 2048 * mib
	maxRollUps = 1024 * mib
	// least is what each of them gets however little there is.
	least = 64 * mib
	// sqlShare and maxSQL are what a process that runs a statement of people gets.
	sqlShare, maxSQL = 8, 1024 * mib
	// workerShare and maxWorker are what the worker's DuckDB gets, which reads single files.
	workerShare, maxWorker = 12, 256 * mib
	// What the worker reads at a time, as a share of Go's part, and at most:
	// docs/adr/0022 has what each takes.
	loadShare, maxLoad                 = 36, 64 * mib
	mergeShare, maxMerge               = 9, 256 * mib
	mergeRollUpsShare, maxMergeRollUps = 72, 32 * mib
)

// Needs is what lives in a process beside Go's heap.
type Needs struct {
	// DuckDBs is how many DuckDBs the process opens.
	DuckDBs int
	// Worker says that one of them is the worker's.
	Worker bool
	// SQL says that it starts processes for statements of people, one at a time.
	SQL bool
	// Postgres says that a private Postgres lives under the same limit.
	Postgres bool
}

// Given is what the environment says, in bytes; 0 for what it does not.
type Given struct{ Go, DuckDB, SQL int64 }

// Plan says who gets how much, in bytes.
type Plan struct {
	Limit   int64 // of the cgroup, or what the machine has
	Go      int64 // what Go's garbage collector aims for
	DuckDB  int64 // of each DuckDB
	SQL     int64 // of a process that runs a statement of people
	RollUps int64 // of a replica, part of Go's
}

// Divide divides a limit. A sixth of it stays free for what neither counts: stacks,
// code, DuckDB's buffers outside its limit, what Go takes beyond its aim while it
// collects. A private Postgres gets another sixth, the DuckDBs share up to five
// twelfths, of which the process of a statement of people has an eighth of the whole, and Go
// has the rest. In a container of 3 GiB with one DuckDB that is 1280 MiB each, or 1280 for
// Go, 896 for DuckDB and 384 for a statement. The worker's DuckDB takes a twelfth at most: 256 MiB of these 3 GiB, and
// Go has 2304. What the environment gives to one is taken from the other.
func Divide(limit int64, needs Needs, given Given) Plan {
	p := Plan{Limit: limit}
	if needs.DuckDBs == 0 {
		p.Go = limit - limit/10
		return p
	}
	free := limit - limit/6
	if needs.Postgres {
		free -= limit / 6
	}
	if needs.SQL {
		if p.SQL = max(min(limit/sqlShare, maxSQL), least); given.SQL > 0 {
			p.SQL = given.SQL
		}
		free -= p.SQL
	}
	n := int64(needs.DuckDBs)
	p.DuckDB = min(max(limit*5/12-p.SQL, least)/n, maxDuckDB)
	if worker := min(limit/workerShare, maxWorker); needs.Worker && n == 1 {
		p.DuckDB = worker
	} else if needs.Worker {
		free, n = free-worker, n-1
	}
	if given.Go > 0 {
		p.DuckDB = min(p.DuckDB, (free-given.Go)/n)
	}
	p.DuckDB = max(p.DuckDB, least)
	if given.DuckDB > 0 {
		p.DuckDB = given.DuckDB
	}
	p.Go = max(free-n*p.DuckDB, least)
	if given.Go > 0 {
		p.Go = given.Go
	}
	p.RollUps = min(p.Go/2, maxRollUps)
	return p
}

// Settings are the defaults of settings that follow from the plan.
func (p Plan) Settings() map[string]string {
	if p.DuckDB == 0 {
		return nil
	}
	settings := map[string]string{
		DuckDBSetting:       strconv.FormatInt(p.DuckDB/mib, 10) + "MiB",
		rollUpsSetting:      strconv.FormatInt(p.RollUps, 10),
		loadSetting:         strconv.FormatInt(min(p.Go/loadShare, maxLoad), 10),
		MergeSetting:        strconv.FormatInt(min(p.Go/mergeShare, maxMerge), 10),
		mergeRollUpsSetting: strconv.FormatInt(min(p.Go/mergeRollUpsShare, maxMergeRollUps), 10),
	}
	if p.SQL > 0 {
		settings[SQLSetting] = strconv.FormatInt(p.SQL, 10)
	}
	return settings
}

// Apply finds the limit of the process's cgroup, of version 1 or 2, divides it and
// sets Go's part; without a cgroup's limit it divides what the machine has. It
// returns false, and does nothing, when neither can be found out.
func Apply(needs Needs) (Plan, bool) {
	limit := limit()
	if limit == 0 {
		return Plan{}, false
	}
	given := Given{DuckDB: bytes(os.Getenv(DuckDBSetting)), SQL: bytes(os.Getenv(SQLSetting))}
	if os.Getenv(goSetting) != "" { // the runtime has read it
		if given.Go = debug.SetMemoryLimit(-1); given.Go == math.MaxInt64 { // "off"
			given.Go = 0
		}
	}
	p := Divide(limit, needs, given)
	if os.Getenv(goSetting) == "" {
		debug.SetMemoryLimit(p.Go)
	}
	return p, true
}

func limit() int64 {
	most := uint64(math.MaxInt64)
	for _, source := range []memlimit.Provider{memlimit.FromCgroup, memlimit.FromSystem} {
		if n, err := source(); err == nil && n > 0 {
			most = min(most, n)
		}
	}
	if most == math.MaxInt64 {
		return 0
	}
	return int64(most)
}

// bytes reads a size as DuckDB writes it, such as 1.5GB or 800MiB; 0 for anything
// else, which is then DuckDB's to understand or to refuse.
func bytes(s string) int64 {
	s = strings.ToLower(strings.TrimSpace(s))
	digits := strings.TrimRight(s, "abcdefghijklmnopqrstuvwxyz ")
	unit := strings.TrimSpace(s[len(digits):])
	n, err := strconv.ParseFloat(digits, 64)
	factor, ok := map[string]float64{
		"": 1, "b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
	}[unit]
	if err != nil || !ok || n < 0 || n*factor > 1<<50 {
		return 0
	}
	return int64(n * factor)
}
