package lake

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/apache/iceberg-go"
	"github.com/google/uuid"
)

// metadata is the file that describes a table: version 2 of
// https://iceberg.apache.org/spec/#table-metadata-fields, as far as a table has it that is
// neither partitioned nor sorted and that nobody else writes to.
type metadata struct {
	FormatVersion       int               `json:"format-version"`
	UUID                uuid.UUID         `json:"table-uuid"`
	Location            string            `json:"location"`
	LastSequence        int64             `json:"last-sequence-number"`
	LastUpdated         int64             `json:"last-updated-ms"`
	LastColumn          int               `json:"last-column-id"`
	CurrentSchema       int               `json:"current-schema-id"`
	Schemas             []*iceberg.Schema `json:"schemas"`
	DefaultSpec         int               `json:"default-spec-id"`
	Specs               []spec            `json:"partition-specs"`
	LastPartition       int               `json:"last-partition-id"`
	DefaultOrder        int               `json:"default-sort-order-id"`
	Orders              []order           `json:"sort-orders"`
	Properties          map[string]string `json:"properties"`
	CurrentSnapshot     int64             `json:"current-snapshot-id"`
	Refs                map[string]ref    `json:"refs"`
	Snapshots           []snapshot        `json:"snapshots"`
	SnapshotLog         []snapshotAt      `json:"snapshot-log"`
	MetadataLog         []metadataAt      `json:"metadata-log"`
	Statistics          []struct{}        `json:"statistics"`
	PartitionStatistics []struct{}        `json:"partition-statistics"`
}

type spec struct {
	ID     int        `json:"spec-id"`
	Fields []struct{} `json:"fields"`
}

type order struct {
	ID     int        `json:"order-id"`
	Fields []struct{} `json:"fields"`
}

type ref struct {
	Snapshot int64  `json:"snapshot-id"`
	Type     string `json:"type"`
}

type snapshot struct {
	ID           int64             `json:"snapshot-id"`
	Parent       *int64            `json:"parent-snapshot-id,omitempty"`
	Sequence     int64             `json:"sequence-number"`
	At           int64             `json:"timestamp-ms"`
	ManifestList string            `json:"manifest-list"`
	Summary      map[string]string `json:"summary"`
	Schema       int               `json:"schema-id"`
}

type snapshotAt struct {
	Snapshot int64 `json:"snapshot-id"`
	At       int64 `json:"timestamp-ms"`
}

type metadataAt struct {
	File string `json:"metadata-file"`
	At   int64  `json:"timestamp-ms"`
}

// What a snapshot's summary says of the manifest that it was made of.
const (
	versionKey  = "analytics.version"
	positionKey = "analytics.position"
	xminKey     = "analytics.xmin"
)

// newMetadata describes a table without columns and snapshots.
func newMetadata(location string) *metadata {
	return &metadata{
		FormatVersion: 2, UUID: uuid.New(), Location: location, CurrentSchema: -1,
		Specs: []spec{{Fields: []struct{}{}}}, LastPartition: 999, Orders: []order{{Fields: []struct{}{}}},
		// Engines of others must not delete the files: they are ours.
		Properties:      map[string]string{"gc.enabled": "false", "write.format.default": "parquet"},
		CurrentSnapshot: -1, Refs: map[string]ref{}, Statistics: []struct{}{}, PartitionStatistics: []struct{}{},
	}
}

// errUnreadable is returned for metadata that nobody here wrote.
var errUnreadable = errors.New("the metadata of a table cannot be read")

func parseMetadata(data []byte) (*metadata, error) {
	var m metadata
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("%w: %w", errUnreadable, err)
	}
	if m.FormatVersion != 2 || slices.Contains(m.Schemas, nil) || m.current() == nil || m.schema() == nil {
		return nil, fmt.Errorf("%w: it is not as it was written", errUnreadable)
	}
	return &m, nil
}

// clone is for changing.
func (m *metadata) clone() *metadata {
	c := *m
	c.Schemas, c.Snapshots, c.SnapshotLog, c.MetadataLog = slices.Clone(m.Schemas), slices.Clone(m.Snapshots), slices.Clone(m.SnapshotLog), slices.Clone(m.MetadataLog)
	return &c
}

func (m *metadata) schema() *iceberg.Schema {
	for _, s := range m.Schemas {
		if s.ID == m.CurrentSchema {
			return s
		}
	}
	return nil
}

// current is the current snapshot, the last one; nil for none.
func (m *metadata) current() *snapshot {
	if n := len(m.Snapshots); n > 0 && m.Snapshots[n-1].ID == m.CurrentSnapshot {
		return &m.Snapshots[n-1]
	}
	return nil
}

// evolve makes columns those of the table. They have ids that never mean another column,
// and are only added.
func (m *metadata) evolve(columns []iceberg.NestedField) {
	next := 0
	for _, s := range m.Schemas {
		next = max(next, s.ID+1)
	}
	s := iceberg.NewSchema(next, columns...)
	if now := m.schema(); now != nil && now.Equals(s) {
		return
	}
	m.Schemas, m.CurrentSchema = append(m.Schemas, s), next
	m.LastColumn = max(m.LastColumn, s.HighestFieldID())
}

// add makes s the current snapshot.
func (m *metadata) add(s snapshot) {
	if now := m.current(); now != nil {
		s.Parent = &now.ID
	}
	m.LastSequence = s.Sequence
	m.Snapshots = append(m.Snapshots, s)
	m.SnapshotLog = append(m.SnapshotLog, snapshotAt{s.ID, s.At})
	m.CurrentSnapshot = s.ID
	m.Refs = map[string]ref{"main": {s.ID, "branch"}}
}

// expired is how many snapshots, the first, are no longer to be listed at an instant: those
// that were superseded longer than keep ago, and what is more than most.
func (m *metadata) expired(at time.Time, keep time.Duration, most int) int {
	n := max(len(m.Snapshots)-most, 0)
	for n+1 < len(m.Snapshots) && m.Snapshots[n+1].At < at.Add(-keep).UnixMilli() {
		n++
	}
	return n
}

// expire takes the first n snapshots off the list, and schemas that no other has.
func (m *metadata) expire(n int) {
	m.Snapshots, m.SnapshotLog = m.Snapshots[n:], m.SnapshotLog[min(n, len(m.SnapshotLog)):]
	m.Schemas = slices.DeleteFunc(m.Schemas, func(s *iceberg.Schema) bool {
		return s.ID != m.CurrentSchema && !slices.ContainsFunc(m.Snapshots, func(of snapshot) bool { return of.Schema == s.ID })
	})
}

// succeed notes that m is written at an instant in place of the file at before, and forgets
// files by the rule of expired.
func (m *metadata) succeed(before string, at time.Time, keep time.Duration, most int) {
	if before != "" {
		m.MetadataLog = append(m.MetadataLog, metadataAt{before, m.LastUpdated})
	}
	m.LastUpdated = max(at.UnixMilli(), m.LastUpdated)
	n := max(len(m.MetadataLog)-most, 0)
	for n+1 < len(m.MetadataLog) && m.MetadataLog[n+1].At < at.Add(-keep).UnixMilli() {
		n++
	}
	m.MetadataLog = m.MetadataLog[n:]
}

// oldestXMin is the xmin of the state that the oldest listed snapshot was made of.
func (m *metadata) oldestXMin() uint64 {
	xmin, _ := strconv.ParseUint(m.Snapshots[0].Summary[xminKey], 10, 64) // 0 holds all files
	return xmin
}
