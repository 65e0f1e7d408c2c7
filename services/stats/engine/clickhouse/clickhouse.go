// Package clickhouse serves scans from the events themselves, which a ClickHouse reads
// from the same Parquet files as DuckDB: the exact list of the replica's snapshot. It is
// for scans of more events than a replica reads in good time.
//
// It serves a scan exactly as package duckdb does, or not at all. Much is known from the
// scan; what only the values of events tell, such as a number in JSON with more digits than
// a float64 has, is refused by the statement itself, which throws (inexact). Either way
// another engine serves the scan.
package clickhouse

import (
	"fmt"
	"slices"
	"time"

	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/segment"
	"eventanalytics/services/stats/engine"
)

// Name is that of the engine in answers.
const Name = "engine"

// Engine serves the scans of a project's events in a snapshot.
type Engine struct {
	engine.Unsupported
	server   *Server
	snapshot *manifest.Snapshot
	project  int64
}

var _ engine.Engine = (*Engine)(nil)

// New makes the engine for a project's events in a snapshot.
func New(server *Server, snapshot *manifest.Snapshot, project int64) *Engine {
	return &Engine{server: server, snapshot: snapshot, project: project}
}

// Name returns "engine".
func (*Engine) Name() string { return Name }

// segments are those that a statement reads: some with events that count.
func (e *Engine) segments(st *statement) ([]segment.Segment, error) {
	all := e.snapshot.Segments(e.project, time.Time{}, time.Time{})
	if slices.ContainsFunc(all, func(s segment.Segment) bool { return s.RollUp == nil }) {
		return nil, fmt.Errorf("%w: some of the project's users have no keys yet", engine.ErrUnsupported)
	}
	in := e.snapshot.Segments(e.project, st.period.since(), st.period.until())
	if len(in) == 0 || segment.EventsOf(in) < e.server.cfg.FromEvents || len(in) > maxFiles {
		return nil, engine.ErrUnsupported // there is little to read, or too many files
	}
	for _, s := range in {
		if err := e.server.damaged(s.EventsFile()); err != nil {
			return nil, err
		}
	}
	return in, nil
}

// maxFiles is how many files a statement reads: the names of 5,000 take 175 kB in its
// text, and a second to be listed.
const maxFiles = 10_000
