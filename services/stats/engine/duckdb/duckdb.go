// Package duckdb serves scans from the events themselves. Each primitive has SQL of
// its own beside it, run by DuckDB over the events of one project.
//
// The events come from one place, local.sql: it cuts the time range and gives each
// event its local date. Package warehouse reads only events for which all filters
// hold.
package duckdb

import (
	"eventanalytics/pkg/warehouse/duckdb"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/services/stats/engine"
)

// Engine serves all scans.
type Engine struct {
	engine.Unsupported
	db       *duckdb.DB
	snapshot *manifest.Snapshot
	project  int64
	codes    codes
}

var _ engine.Engine = (*Engine)(nil)

// New makes the engine for a project's events in a snapshot.
func New(db *duckdb.DB, snapshot *manifest.Snapshot, project int64) *Engine {
	return &Engine{db: db, snapshot: snapshot, project: project}
}

// Name returns "raw".
func (*Engine) Name() string { return "raw" }
