// Package replica has what a stats replica holds: the newest version of the
// manifest, with the roll-ups of its segments in memory. It does not know DuckDB.
package replica

import (
	"context"
	"math"
	"time"

	"go.uber.org/zap"

	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/rollup"
	"eventanalytics/pkg/warehouse/segment"
)

// Snapshot is one version of the manifest with roll-ups. It does not change.
type Snapshot struct {
	*manifest.Snapshot
	rollUps  map[int64]*rollup.View // by project
	projects int                    // with segments
}

// NewSnapshot reads the roll-ups of a snapshot's segments, as a Reader does, but
// however much memory they take.
func NewSnapshot(ctx context.Context, s *manifest.Snapshot, files *segment.Integrity) (*Snapshot, error) {
	views, err := newRollUps(files, math.MaxInt64, zap.NewNop()).follow(ctx, s)
	if err != nil {
		return nil, err
	}
	return withRollUps(s, views), nil
}

func withRollUps(s *manifest.Snapshot, views map[int64]*rollup.View) *Snapshot {
	full := &Snapshot{Snapshot: s, rollUps: views}
	for range s.Projects() {
		full.projects++
	}
	return full
}

// RollUp returns the roll-up of a project's events, or nil when it is not
// available: because a file is damaged, memory is short or a segment has none.
func (s *Snapshot) RollUp(project int64) *rollup.View {
	if len(s.Segments(project, time.Time{}, time.Time{})) == 0 {
		return &rollup.View{}
	}
	return s.rollUps[project]
}

// WithoutRollUp returns the number of projects with events and without a roll-up.
func (s *Snapshot) WithoutRollUp() int { return s.projects - len(s.rollUps) }
