package stats

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/persons"
	"eventanalytics/pkg/warehouse/replica"
	"eventanalytics/services/stats/question"
)

// TestEntityTag changes one thing at a time that a tag depends on beside the question
// itself, whose fields question.Key is tested with.
func TestEntityTag(t *testing.T) {
	t.Parallel()
	utc, err := calendar.Load("UTC")
	require.NoError(t, err)
	now := time.Date(2025, 9, 10, 12, 0, 0, 0, time.UTC)
	snapshot := func(incarnation int32, version int64) *replica.Snapshot {
		return &replica.Snapshot{Snapshot: manifest.NewSnapshot(7, outbox.Position{Incarnation: incarnation}, now, nil, map[int64]int64{1: version, 2: version})}
	}
	q := question.Retention{Granularity: calendar.Week, Scope: question.Scope{Timezone: utc}}
	tags := map[string]bool{}
	for _, tag := range []string{
		entityTag(1, "a", q, nil, formats["json"], snapshot(1, 1), false, now),
		entityTag(2, "a", q, nil, formats["json"], snapshot(1, 1), false, now),
		entityTag(1, "b", q, nil, formats["json"], snapshot(1, 1), false, now),
		entityTag(1, "a", question.DAU{Scope: question.Scope{Timezone: utc}}, nil, formats["json"], snapshot(1, 1), false, now),
		entityTag(1, "a", q, []string{"paying", "1"}, formats["json"], snapshot(1, 1), false, now),
		entityTag(1, "a", q, []string{"paying", "2"}, formats["json"], snapshot(1, 1), false, now),
		entityTag(1, "a", q, nil, formats["csv"], snapshot(1, 1), false, now),
		entityTag(1, "a", q, nil, formats["json"], snapshot(2, 1), false, now),
		entityTag(1, "a", q, nil, formats["json"], snapshot(1, 2), false, now),
		entityTag(1, "a", q, nil, formats["json"], snapshot(1, 1).WithPersons(map[int64]*persons.Map{1: persons.New(map[uint32]uint32{2: 1})}), false, now),
		entityTag(1, "a", q, nil, formats["json"], snapshot(1, 1).WithPersons(map[int64]*persons.Map{1: persons.New(map[uint32]uint32{1: 2})}), false, now),
		entityTag(1, "a", q, nil, formats["json"], snapshot(1, 1), true, now),
		entityTag(1, "a", q, nil, formats["json"], snapshot(1, 1), false, now.AddDate(0, 0, 7)),
	} {
		require.Regexp(t, `^W/"[\w-]{22}"$`, tag)
		require.False(t, tags[tag], "the tag is one of before")
		tags[tag] = true
	}
	require.True(t, tags[entityTag(1, "a", q, nil, formats["json"], snapshot(1, 1), false, now.AddDate(0, 0, 1))], "the same week")
}
