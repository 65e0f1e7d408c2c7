package question_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/oracle"
	"eventanalytics/services/stats/engine"
	raw "eventanalytics/services/stats/engine/duckdb"
	"eventanalytics/services/stats/engine/walk"
	"eventanalytics/services/stats/question"
)

// profiles makes a question of users.
func (g generator) profiles(s scene, now time.Time) (body, oracle.Profiles) {
	g.near = s.at()
	b := body{}
	scope := g.scope(b, s, now, "all")
	delete(b, "unit")
	q := oracle.Profiles{From: scope.From, To: scope.To, Zone: scope.Zone, Filter: scope.Filter, Sort: "last_seen"}
	if g.maybe(4) {
		delete(b, "to")
		q.To = oracle.Day("today", now, q.Zone)
	}
	if g.maybe(2) || q.From > q.To {
		delete(b, "from")
		q.From = ""
	}
	if g.maybe(3) {
		q.Q = pick(g, []string{"U", "u", "4", "N", "Ü", "😀", "zz"})
		b["q"] = q.Q
	}
	if sort := pick(g, []string{"", "last_seen", "first_seen", "events", "user_id"}); sort != "" {
		b["sort"], q.Sort = sort, sort
	}
	known := map[string]bool{}
	var fields []string
	for range g.IntN(4) {
		source, path := pick(g, []string{"user", "first"}), g.path()
		text := source + "." + writePath(path)
		if !known[text] {
			known[text] = true
			fields, q.Fields = append(fields, text), append(q.Fields, oracle.Field{Source: source, Keys: path})
		}
	}
	if len(fields) > 0 {
		b["fields"] = fields
	}
	return b, q
}

// profiles asks random questions of users, as they are posted, page by page.
func (c *comparison) profiles(t *testing.T) {
	var events []oracle.Event
	for _, e := range c.whole {
		events = append(events, c.naive(e))
	}
	walked := c.named(t)
	for range 5 {
		b, asked := c.g.profiles(c.scene, c.now)
		want := asked.Rows(events)
		limit := 1 + c.g.IntN(len(someUsers))
		after := ""
		for page := 0; ; page++ {
			p := question.ProfilesParams{To: "today", Sort: "last_seen", Limit: limit, After: after}
			p.Timezone = "UTC"
			require.NoError(t, json.Unmarshal([]byte(b.String()), &p))
			q, err := p.Question(c.now)
			require.NoError(t, err, b)
			rows := c.rows(t, q)
			n := min(limit, len(want))
			for _, row := range rows {
				after = row[len(row)-1].(string)
			}
			c.equal(t, b.String(), q, withCursors(want[:n], rows))
			c.sameWalked(t, b.String(), walked, q, rows)
			c.w.answers["users"] += n
			if want = want[n:]; n == 0 {
				break
			}
			c.w.answers["pages of users"]++
		}
	}
}

// withCursors are the rows of the oracle with the cursors that answers have.
func withCursors(want []oracle.ProfileRow, got [][]any) [][]any {
	rows := [][]any{}
	for i, r := range want {
		row := []any{r.UserID, r.FirstSeen, r.LastSeen, r.Events}
		for _, text := range r.Fields {
			if text == nil {
				row = append(row, nil)
			} else {
				row = append(row, *text)
			}
		}
		cursor := any("none")
		if i < len(got) {
			cursor = got[i][len(got[i])-1]
		}
		rows = append(rows, append(row, cursor))
	}
	return rows
}

// user asks for one user.
func (c *comparison) user(t *testing.T) {
	var events []oracle.Event
	for _, e := range c.whole {
		events = append(events, c.naive(e))
	}
	id := pick(c.g, someUsers)
	isPerson := func(id string) bool { return c.links.Person(id) == id }
	if others := slices.DeleteFunc(slices.Clone(someUsers), isPerson); len(others) > 0 && c.g.IntN(2) == 0 {
		id = pick(c.g, others)
	}
	to := c.scene.at().AddDate(0, 0, c.g.IntN(60)-40)
	rows := [][]any{}
	if row, properties, ok := oracle.OneProfile(events, c.links.Person(id), to.Format(time.DateOnly), c.loc); ok {
		raw := map[string]json.RawMessage{}
		for key, value := range properties {
			raw[key] = json.RawMessage(value)
		}
		object, err := json.Marshal(raw)
		require.NoError(t, err)
		rows = [][]any{{row.UserID, row.FirstSeen, row.LastSeen, row.Events, compactJSON(t, string(object)), jsonOf(c.links.IDs(id, c.w.ids())), "{}"}}
		if c.links.Person(id) != id {
			c.w.answers["persons by another id"]++
		}
		c.w.answers["known properties"] += len(properties)
	}
	q := question.Profile{UserID: id, To: calendar.DateOf(to), Timezone: c.zone}
	walked := c.named(t)
	for _, e := range []engine.Engine{c.raw(), walked} {
		got, _, err := c.ask(t.Context(), q, e)
		require.NoError(t, err)
		for _, row := range got {
			row[4] = compactJSON(t, row[4].(string))
		}
		require.Equal(t, rows, got, "%+v %s", q, e.Name())
	}
}

// timeline asks for the events of a user, page by page.
func (c *comparison) timeline(t *testing.T, about string, scope question.Scope, kept []oracle.Event) {
	id, walked := pick(c.g, someUsers), c.named(t)
	limit, want := 1+c.g.IntN(20), oracle.Timeline(kept, c.links.Person(id), c.loc)
	timeline := question.Timeline{UserID: id, Limit: limit, Scope: scope}
	for {
		n := min(limit, len(want))
		c.equal(t, about, timeline, fields(want[:n]))
		if n > 0 { // else the event to begin after would be asked for
			c.sameWalked(t, about, walked, timeline, fields(want[:n]))
		}
		if n == 0 {
			return
		}
		after := uuid.MustParse(want[n-1].ID)
		timeline.After, want = &after, want[n:]
		c.w.answers["events of users"] += n
	}
}

// compactJSON writes an object with its members in order and no needless escapes.
func compactJSON(t *testing.T, text string) string {
	var object map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(text), &object))
	out, err := json.Marshal(object)
	require.NoError(t, err)
	return string(out)
}

// A timeline goes on after events of its user alone.
func TestTimelineAfter(t *testing.T) {
	g := seeded(t, 1)
	w := newWorld(t)
	w.add(t, 1, g.events(scenes[0], 50))
	d := w.data(t, 1, time.Time{})
	zone, err := calendar.Load("UTC")
	require.NoError(t, err)
	e := w.events[1][0]
	ask := func(user string, after uuid.UUID) error {
		_, _, err := d.ask(t.Context(), question.Timeline{UserID: user, After: &after, Limit: 9, Scope: question.Scope{Timezone: zone}}, d.raw())
		return err
	}
	require.NoError(t, ask(e.UserID, e.ID))
	require.ErrorContains(t, ask("nobody", e.ID), "not an event of the user")
	require.ErrorContains(t, ask(e.UserID, uuid.UUID{7}), "not an event of the user")
}

// A timeline's pages follow each other, whichever segments its events are in and however
// many happened at one instant; each of its events is found by its id, in its project alone.
func TestTimelinePages(t *testing.T) {
	t.Parallel()
	g := seeded(t, 3)
	w := newWorld(t)
	events := g.events(scenes[0], 90)
	for i := range events {
		events[i].UserID, events[i].Type = "one", pick(g, []string{"a", "b"})
		events[i].OccurredAt = scenes[0].at().UnixMicro() + int64(i%7)
	}
	w.scatter(t, g, 1, events)
	w.add(t, 2, g.events(scenes[0], 10))
	d, other := w.data(t, 1, time.Time{}), w.data(t, 2, time.Time{})
	zone, err := calendar.Load("UTC")
	require.NoError(t, err)
	var model []oracle.Event
	for _, e := range events {
		model = append(model, naive(e))
		want := fields(oracle.One([]oracle.Event{naive(e)}, time.UTC, e.ID.String()))
		require.Equal(t, want, d.rows(t, question.Event{EventID: e.ID, Timezone: zone}))
		require.Empty(t, other.rows(t, question.Event{EventID: e.ID, Timezone: zone}))
	}
	want := oracle.Timeline(model, "one", time.UTC)
	for _, e := range []engine.Engine{d.named(t), d.raw()} {
		for _, limit := range []int{1, 7, 1000} {
			q := question.Timeline{UserID: "one", Limit: limit, Scope: question.Scope{Timezone: zone}}
			for left := want; len(left) > 0; {
				n := min(limit, len(left))
				got, _, err := d.ask(t.Context(), q, e)
				require.NoError(t, err)
				require.Equal(t, fields(left[:n]), got, "%s, pages of %d, %d left", e.Name(), limit, len(left))
				after := uuid.MustParse(left[n-1].ID)
				q.After, left = &after, left[n:]
			}
		}
	}
}

// The properties of a user are the first 500 by name.
func TestKnownPropertiesAreBounded(t *testing.T) {
	w := newWorld(t)
	g := seeded(t, 1)
	e := g.events(scenes[0], 2)
	for i := range e {
		e[i].UserID = "one"
		object := map[string]int{}
		for n := range 400 {
			object[string(rune('a'+i))+time.Duration(n).String()] = n
		}
		text, err := json.Marshal(object)
		require.NoError(t, err)
		e[i].Properties = string(text)
	}
	w.add(t, 1, e)
	d := w.data(t, 1, time.Time{})
	zone, err := calendar.Load("UTC")
	require.NoError(t, err)
	rows := d.rows(t, question.Profile{UserID: "one", To: engine.LastDate, Timezone: zone})
	_, want, _ := oracle.OneProfile([]oracle.Event{naive(e[0]), naive(e[1])}, "one", lastDay, time.UTC)
	require.Len(t, want, 500)
	var got map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(rows[0][4].(string)), &got))
	require.Len(t, got, 500)
	for name := range want {
		require.Contains(t, got, name)
	}
}

// What profiles and timelines refuse.
func TestProfilesRefusals(t *testing.T) {
	t.Parallel()
	now := time.Date(2025, 8, 1, 0, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		`{"fields": ["properties.plan"]}`:             `fields[0]: "properties.plan" is not of a user`,
		`{"fields": ["user.a", "first.a", "user.a"]}`: `fields[2]: "user.a" is given twice`,
		`{"fields": "user"}`:                          `fields[0]: "user" names no property`,
		`{"after": "x"}`:                              "after: is not a cursor",
		`{"after": "ZXZlbnRzIDEgYQ"}`:                 "after: is a cursor of another order: of sort=events",
		`{"from": "2025-08-02"}`:                      "from: 2025-08-02 is after to, 2025-08-01",
		`{"from": "2010-08-02"}`:                      "to: the range has",
		`{"to": "x"}`:                                 "to: ",
		`{"filter": "properties.a>"}`:                 "filter: ",
	} {
		p := question.ProfilesParams{To: "today", Sort: "last_seen", Limit: 1}
		p.Timezone = "UTC"
		require.NoError(t, json.Unmarshal([]byte(text), &p), text)
		_, err := p.Question(now)
		require.ErrorContains(t, err, want, text)
	}
	many := question.ProfilesParams{To: "today", Sort: "last_seen", Limit: 1, Fields: []string{"user.a,user.b\\,c", `["user.d"]`}}
	many.Timezone = "UTC"
	q, err := many.Question(now)
	require.NoError(t, err)
	require.Len(t, q.(question.Profiles).Fields, 3)
	for range 19 {
		many.Fields = append(many.Fields, "user.z")
	}
	_, err = many.Question(now)
	require.ErrorContains(t, err, "at most 20")
	for _, after := range []string{"x", "25a4b866040b466f945c148e4720f511"} {
		p := question.TimelineParams{UserID: "1", Limit: 1, After: after}
		p.Timezone = "UTC"
		_, err := p.Question(now)
		require.ErrorContains(t, err, "after: is not a UUID")
	}
}

// names are those of a world's users.
type names struct{ keys map[string]uint32 }

func (n names) Key(_ context.Context, _ int64, userID string) (key uint32, ok bool, err error) {
	key, ok = n.keys[userID]
	return key, ok, nil
}

func (n names) IDs(_ context.Context, _ int64, keys []uint32) ([]string, error) {
	ids := make([]string, len(keys))
	for id, of := range n.keys {
		for i, key := range keys {
			if key == of {
				ids[i] = id
			}
		}
	}
	return ids, nil
}

// named is the engine that walks, and knows the users.
func (d data) named(t testing.TB) engine.Engine {
	return d.walk(t).(*walk.Engine).Named(names{d.w.keys}, raw.NewRows(d.w.db, d.snapshot.Snapshot, d.project))
}

// sameWalked asks the engine that walks for what the events tell.
func (c *comparison) sameWalked(t *testing.T, about string, e engine.Engine, q question.Question, want [][]any) {
	t.Helper()
	got, _, err := c.ask(t.Context(), q, e)
	if errors.Is(err, engine.ErrUnsupported) {
		c.w.answers[fmt.Sprintf("not walked %T", q)]++
		return
	}
	require.NoError(t, err, "%T %s", q, about)
	require.Equal(t, want, got, "%T %s walked", q, about)
	c.w.answers[fmt.Sprintf("walked %T", q)]++
}
