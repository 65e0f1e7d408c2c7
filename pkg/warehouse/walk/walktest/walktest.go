// Package walktest makes files of events by user for tests, of events in memory.
package walktest

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/warehouse/walk"
)

// File makes the file of a segment with some events, whose rows they are in. Their
// properties must be valid JSON, or empty.
func File(t testing.TB, events ...walk.Source) *walk.File {
	t.Helper()
	data, err := walk.Encode(1, events)
	require.NoError(t, err)
	f, err := walk.Read(data)
	require.NoError(t, err)
	f.IDs = func(rows []uint32) ([]uuid.UUID, error) {
		ids := make([]uuid.UUID, len(rows))
		for i, row := range rows {
			ids[i] = events[row].ID
		}
		return ids, nil
	}
	return f
}
