package stats

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/RoaringBitmap/roaring/v2"

	"eventanalytics/pkg/cohort"
	"eventanalytics/pkg/platform/problem"
	"eventanalytics/pkg/warehouse/replica"
	"eventanalytics/pkg/warehouse/sandbox"
	"eventanalytics/services/stats/question"
)

// sqlData is what a statement reads beside events: of one project, in one snapshot.
type sqlData struct {
	*Service
	snapshot *replica.Snapshot
	project  int64
	q        question.SQL
	now      time.Time
}

// Bounds of what is sent to the process of a statement.
const (
	maxSQLMoved   = 1_000_000 // ids that are linked to another
	maxSQLMembers = 1_000_000 // of all cohorts of a statement
)

func (d sqlData) tables(ctx context.Context, needs sandbox.Needs, to sandbox.Tables) error {
	if needs.Persons {
		if err := d.persons(ctx, to); err != nil {
			return err
		}
	}
	room := uint64(maxSQLMembers)
	for _, name := range needs.Cohorts {
		users, err := d.members(ctx, name)
		if err != nil {
			return err
		}
		n := users.GetCardinality()
		if n > room {
			return problem.Invalid("too-large", "sql", fmt.Sprintf("the cohorts have more than %d users", maxSQLMembers))
		}
		room -= n
		if err := d.sendMembers(ctx, name, users, to); err != nil {
			return err
		}
	}
	return nil
}

// persons sends who the ids are that are linked to another.
func (d sqlData) persons(ctx context.Context, to sandbox.Tables) error {
	m := d.snapshot.Persons(d.project)
	switch {
	case m.Len() == 0:
		return nil
	case m.Len() > maxSQLMoved:
		return problem.Unavailable("query-too-large", fmt.Sprintf("more than %d ids of the project are linked, which statements cannot hold", maxSQLMoved), time.Minute, nil)
	}
	names, err := people{d.names, d.project, m}.Names(ctx)
	if err != nil {
		return err
	}
	for key, root := range m.All() {
		if err := to.Person(key, names[root]); err != nil {
			return fmt.Errorf("sending persons: %w", err)
		}
	}
	return nil
}

// members returns who is in a cohort at the end of the range, or of today.
func (d sqlData) members(ctx context.Context, name string) (*roaring.Bitmap, error) {
	data, named := dataOf(d.snapshot, d.project), []cohort.Place{{Name: name, Path: "sql"}}
	known, _, err := d.cohorts.of(ctx, d.project, named, data, d.snapshot.Persons(d.project))
	if err != nil {
		return nil, err
	}
	day := d.q.Timezone.Date(d.now.UnixMicro())
	if d.q.To != nil {
		day = *d.q.To
	}
	return d.asking(d.snapshot, d.project, d.now, data, known).Members(ctx, name, d.q.Timezone, day)
}

func (d sqlData) sendMembers(ctx context.Context, name string, users *roaring.Bitmap, to sandbox.Tables) error {
	for keys := range slices.Chunk(users.ToArray(), namesAtOnce) {
		ids, err := d.names.IDs(ctx, d.project, keys)
		if err != nil {
			return unread("the ids of users", err)
		}
		for _, id := range ids {
			if err := to.Member(name, id); err != nil {
				return fmt.Errorf("sending a cohort: %w", err)
			}
		}
	}
	return nil
}
