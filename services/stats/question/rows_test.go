package question_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/event"
	"eventanalytics/pkg/oracle"
	"eventanalytics/pkg/property"
	"eventanalytics/pkg/syntax"
	"eventanalytics/pkg/warehouse/segment"
	"eventanalytics/pkg/warehouse/walk"
	"eventanalytics/services/stats/engine"
	raw "eventanalytics/services/stats/engine/duckdb"
)

// TestRows compares the rows that a filter holds for, and the values of a field by row,
// with the events that the files have in these rows.
func TestRows(t *testing.T) {
	g := seeded(t, uint64(time.Now().UnixNano()))
	w := newWorld(t)
	compared := map[string]int{}
	for i, s := range scenes {
		project := int64(i)
		g.kinds, g.near = g.someKinds(), s.at()
		w.scatter(t, g, project, g.events(s, 150+g.IntN(250)))
		zone, err := calendar.Load(s.zone)
		require.NoError(t, err)
		loc, err := time.LoadLocation(s.zone)
		require.NoError(t, err)
		c := rowComparison{w: w, g: g, project: project, zone: zone, loc: loc, compared: compared}
		snapshot := w.snapshot(t, project)
		c.rows = raw.NewRows(w.db, snapshot.Snapshot, project)
		for _, one := range snapshot.Segments(project, time.Time{}, time.Time{}) {
			c.files = append(c.files, w.rowsOf(t, one))
		}
		for range 10 {
			c.holding(t)
			c.values(t)
		}
	}
	t.Log(compared)
	for _, what := range []string{"holds", "fails", "left out", "missing", "value", "user_id"} {
		require.Greater(t, compared[what], 100, what)
	}
}

// rowsOf are the events of a segment in the order of its file's rows.
func (w *world) rowsOf(t *testing.T, s segment.Segment) (rows []event.Event) {
	t.Helper()
	file, err := os.Open(filepath.Join(w.dir, s.Path))
	require.NoError(t, err)
	defer file.Close()
	type id struct {
		ID [16]byte `parquet:"event_id,uuid"`
	}
	ids, err := parquet.Read[id](file, s.Bytes)
	require.NoError(t, err)
	known := map[uuid.UUID]event.Event{}
	for _, e := range w.events[s.ProjectID] {
		known[e.ID] = e
	}
	for _, one := range ids {
		e, ok := known[one.ID]
		require.True(t, ok)
		rows = append(rows, e)
	}
	require.Len(t, rows, int(s.Events))
	return rows
}

type rowComparison struct {
	w        *world
	g        generator
	project  int64
	zone     *calendar.Zone
	loc      *time.Location
	rows     *raw.Rows
	files    [][]event.Event
	compared map[string]int
}

// some chooses some of the files in any order, and a period.
func (c rowComparison) some() (files []int, p walk.Period) {
	for _, i := range c.g.Perm(len(c.files)) {
		if c.g.IntN(4) > 0 {
			files = append(files, i)
		}
	}
	p = walk.Period{From: math.MinInt64, To: math.MaxInt64}
	if c.g.IntN(3) > 0 {
		p.From = pick(c.g, c.w.events[c.project]).OccurredAt
	}
	if c.g.IntN(3) > 0 {
		p.To = pick(c.g, c.w.events[c.project]).OccurredAt + c.g.Int64N(3)
	}
	return files, p
}

// ofEvents says whether a filter looks at nothing but what events have themselves.
func ofEvents(f syntax.Filter) bool {
	if f.Form == syntax.Holds {
		return slices.Contains([]syntax.Source{syntax.Property, syntax.UserID, syntax.EventType}, f.Condition.Field.Source)
	}
	return f.Form != syntax.DidSo && f.Form != syntax.ReachedSo && !slices.ContainsFunc(f.Of, func(one syntax.Filter) bool { return !ofEvents(one) })
}

func (c rowComparison) holding(t *testing.T) {
	files, p := c.some()
	tree, filter := c.g.tree(3)
	text, err := json.Marshal(tree)
	require.NoError(t, err)
	f, err := syntax.ParseFilterJSON(text)
	require.NoError(t, err, string(text))
	found, err := c.rows.Holding(t.Context(), files, p, c.zone, f)
	if !ofEvents(f) {
		require.ErrorIs(t, err, engine.ErrUnsupported)
		return
	}
	require.NoError(t, err)
	require.Len(t, found, len(files))
	for i, file := range files {
		for row, e := range c.files[file] {
			want := e.OccurredAt >= p.From && e.OccurredAt < p.To
			if !want {
				c.compared["left out"]++
			}
			if want = want && len(oracle.Keep([]oracle.Event{naive(e)}, filter, "", lastDay, c.loc)) > 0; want {
				c.compared["holds"]++
			} else {
				c.compared["fails"]++
			}
			require.Equal(t, want, found[i].Contains(uint32(row)), "%s of %+v", text, e)
		}
	}
}

func (c rowComparison) values(t *testing.T) {
	files, p := c.some()
	text, _ := c.g.field()
	field, err := syntax.ParseField(text)
	require.NoError(t, err)
	codes, err := c.rows.Values(t.Context(), files, p, field)
	require.NoError(t, err)
	require.Len(t, codes, len(files))
	for i, file := range files {
		seen := map[string]bool{}
		for _, v := range codes[i].Values {
			require.False(t, seen[v.JSON()], "twice: %s", v.JSON())
			seen[v.JSON()] = true
		}
		for row, e := range c.files[file] {
			got := property.Value{}
			if row < len(codes[i].Rows) {
				got = codes[i].Values[codes[i].Rows[row]]
			}
			want := property.Find(e.Properties, field.Keys)
			switch {
			case e.OccurredAt < p.From || e.OccurredAt >= p.To:
				want = property.Value{}
			case field.Source == syntax.UserID:
				want = property.OfText(e.UserID)
				c.compared["user_id"]++
			case field.Source == syntax.EventType:
				want = property.OfText(e.Type)
			case want.Missing():
				c.compared["missing"]++
			default:
				c.compared["value"]++
			}
			require.Equal(t, want.Missing(), got.Missing(), "%s of %+v", text, e)
			require.Equal(t, want.Text(), got.Text(), "%s of %+v", text, e)
			require.True(t, want.Missing() || want.Kind() == got.Kind(), "%s of %+v", text, e)
		}
	}
}
