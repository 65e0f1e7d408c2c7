package oracle

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestReached: how far users got in a funnel, of the attempts that begin in the range, by
// hand.
func TestReached(t *testing.T) {
	t.Parallel()
	event := func(user, kind, at string) Event {
		parsed, err := time.Parse(time.RFC3339, at)
		require.NoError(t, err)
		return Event{ID: user + kind + at, UserID: user, Type: kind, At: parsed, Properties: `{"plan":"` + user + `"}`}
	}
	events := []Event{
		event("ann", "open", "2025-08-02T10:00:00Z"), event("ann", "view", "2025-08-02T11:00:00Z"), event("ann", "buy", "2025-08-05T09:00:00Z"), // behind the end, within the window
		event("bob", "open", "2025-08-03T10:00:00Z"), event("bob", "view", "2025-08-03T10:00:00Z"),
		event("cid", "open", "2025-07-31T23:00:00Z"), event("cid", "view", "2025-08-02T10:00:00Z"), event("cid", "buy", "2025-08-02T11:00:00Z"), // began before the range
		event("dan", "open", "2025-08-03T10:00:00Z"), event("dan", "back", "2025-08-03T11:00:00Z"), event("dan", "view", "2025-08-03T12:00:00Z"),
		event("eve", "view", "2025-08-02T10:00:00Z"),
	}
	steps := []Series{{Types: []string{"open"}}, {Types: []string{"view"}}, {Types: []string{"buy"}}}
	funnel := Funnel{Steps: steps, Window: 7 * 24 * time.Hour, Order: "ordered"}
	strict, short, some, notBack := funnel, funnel, funnel, funnel
	strict.Order, short.Window = "strict", 24*time.Hour
	some.Filter = Condition{Field: Field{Source: "properties", Keys: []string{"plan"}}, Op: "!=", Values: []string{"bob"}}
	notBack.Exclude = []Exclude{{Types: []string{"back"}, After: 1, Before: 3}}
	for _, c := range []struct {
		about  string
		filter Filter
		from   string
		want   string
	}{
		{"began", &Reached{Funnel: funnel, Step: 1}, "2025-08-01", "ann bob dan"},
		{"of all time", &Reached{Funnel: funnel, Step: 1}, "", "ann bob cid dan"},
		{"the second step", &Reached{Funnel: funnel, Step: 2}, "2025-08-01", "ann bob dan"},
		{"dropped there", &Reached{Funnel: funnel, Step: 2, Dropped: true}, "2025-08-01", "bob dan"},
		{"dropped at once", &Reached{Funnel: funnel, Step: 1, Dropped: true}, "2025-08-01", ""},
		{"finished, behind the end", &Reached{Funnel: funnel, Step: 3}, "2025-08-01", "ann"},
		{"dropped at the last step is finished", &Reached{Funnel: funnel, Step: 3, Dropped: true}, "", "ann cid"},
		{"in time", &Reached{Funnel: short, Step: 3}, "2025-08-01", ""},
		{"strictly", &Reached{Funnel: strict, Step: 2}, "2025-08-01", "ann bob"},
		{"with its own filter", &Reached{Funnel: some, Step: 2}, "2025-08-01", "ann dan"},
		{"void is not begun", &Reached{Funnel: notBack, Step: 1}, "2025-08-01", "ann bob"},
		{"not: also who never began", Not{&Reached{Funnel: funnel, Step: 2}}, "2025-08-01", "cid eve"},
		{"in a cohort", Condition{Field: Field{Source: "cohort", Cohort: &Cohort{Filter: &Reached{Funnel: funnel, Step: 3}}}, Op: "=", Values: []string{"true"}}, "2025-08-01", "ann"},
		{"in what they did", Did{Series: Series{Types: []string{"buy"}, Filter: &Reached{Funnel: funnel, Step: 1}}, Op: ">=", Times: 1}, "", "cid"},
	} {
		var got []string
		for _, e := range Keep(events, c.filter, c.from, "2025-08-04", time.UTC) {
			got = append(got, e.UserID)
		}
		require.Equal(t, c.want, strings.Join(slices.Compact(got), " "), c.about)
	}
}
