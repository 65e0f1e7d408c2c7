package stats

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/event"
	"eventanalytics/pkg/syntax"
	"eventanalytics/pkg/warehouse/persons"
	"eventanalytics/services/stats/question"
)

// TestPeople asks about persons as the service puts its parts together: profiles by any of
// their ids, also of a root without events, cohorts that list them, and counts.
func TestPeople(t *testing.T) {
	t.Parallel()
	a := newAPI(t).run(t)
	login := func(n byte, user string) event.Event {
		return event.Event{ID: id(n), OccurredAt: at("2025-08-04T12:00:00Z") + int64(n), UserID: user, Type: "login", Properties: `{"n":` + string('0'+n) + `}`}
	}
	a.publish(t, 1, login(1, "phone"), login(2, "laptop"), login(3, "eve"))
	a.publish(t, 1, login(4, "phone"), login(5, "ann"))
	keys := keysOf([]event.Event{{UserID: "phone"}, {UserID: "laptop"}, {UserID: "eve"}, {UserID: "ann"}, {UserID: "ghost"}})
	phone, laptop, eve, ann, ghost := keys[0], keys[1], keys[2], keys[3], keys[4]
	_, err := a.pool.Exec(t.Context(), "INSERT INTO analytics.user_keys (project_id, user_id, user_key) VALUES (1, 'ghost', $1)", ghost)
	require.NoError(t, err)
	a.setCohort(t, 1, "list", "", nil, []string{"phone"})
	a.visible(t)
	sent, err := a.reader.Current()
	require.NoError(t, err)
	snapshot := sent.WithPersons(map[int64]*persons.Map{1: persons.New(map[uint32]uint32{phone: ann, laptop: ann, eve: ghost})})

	utc, err := calendar.Load("UTC")
	require.NoError(t, err)
	ask := func(q question.Question) (rows [][]any) {
		t.Helper()
		data := dataOf(snapshot, 1)
		named, _, err := a.cohorts.of(t.Context(), 1, question.Cohorts(q), data, snapshot.Persons(1))
		require.NoError(t, err)
		table, err := q.Answer(t.Context(), a.asking(snapshot, 1, a.now(), data, named))
		require.NoError(t, err)
		for r := range table.Len() {
			var row []any
			for c, column := range table.Columns {
				switch column.Kind {
				case question.Integer:
					row = append(row, table.Integer(c, r))
				case question.Bool:
					row = append(row, table.Bool(c, r))
				default:
					row = append(row, table.Text(c, r))
				}
			}
			rows = append(rows, row)
		}
		return rows
	}
	day := calendar.DateOf(time.Date(2025, 8, 4, 0, 0, 0, 0, time.UTC))
	const first, last = "2025-08-04T12:00:00.000001Z", "2025-08-04T12:00:00.000005Z"
	person := [][]any{{"ann", first, last, int64(4), `{"n":5}`, "", "{}"}}
	person[0][5] = `["ann","phone","laptop"]`
	if laptop < phone {
		person[0][5] = `["ann","laptop","phone"]`
	}
	for _, user := range []string{"ann", "phone", "laptop"} {
		require.Equal(t, person, ask(question.Profile{UserID: user, To: day, Timezone: utc}), user)
		events := ask(question.Timeline{UserID: user, Limit: 10, Scope: question.Scope{Timezone: utc}})
		require.Len(t, events, 4)
		for i, sentAs := range []string{"ann", "phone", "laptop", "phone"} {
			require.Equal(t, sentAs, events[i][2], "an event keeps its id")
		}
		after := uuid.MustParse(events[3][0].(string))
		require.Empty(t, ask(question.Timeline{UserID: user, Limit: 10, After: &after, Scope: question.Scope{Timezone: utc}}))
	}
	ids := func(sort string) (ids []any) {
		for _, row := range ask(question.Profiles{To: day, Sort: sort, Limit: 10, Scope: question.Scope{Timezone: utc}}) {
			ids = append(ids, row[0])
		}
		return ids
	}
	require.Equal(t, []any{"ann", "ghost"}, ids("events"))
	require.Equal(t, []any{"ann", "ghost"}, ids("user_id"), "a root without events")
	require.Equal(t, `["ghost","eve"]`, ask(question.Profile{UserID: "eve", To: day, Timezone: utc})[0][5])

	list, err := syntax.ParseFilterJSON([]byte(`"cohort:list"`))
	require.NoError(t, err)
	inList := question.Scope{Timezone: utc, Filter: list}
	days := question.Days{From: day, To: day}
	require.Equal(t, int64(1), ask(question.DAU{Days: days, Scope: inList})[0][1])
	require.Equal(t, int64(4), ask(question.Events{Days: days, Interval: calendar.Day, Scope: inList})[0][1], "those of all of a person's ids")
	require.Equal(t, int64(2), ask(question.DAU{Days: days, Scope: question.Scope{Timezone: utc}})[0][1])

	snapshot = sent
	require.Equal(t, int64(4), ask(question.DAU{Days: days, Scope: question.Scope{Timezone: utc}})[0][1], "as ids were sent")
	require.Equal(t, int64(2), ask(question.Events{Days: days, Interval: calendar.Day, Scope: inList})[0][1])
}
