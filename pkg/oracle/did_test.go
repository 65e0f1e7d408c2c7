package oracle

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestDid: who did something how often before the end of the range, by hand.
func TestDid(t *testing.T) {
	t.Parallel()
	at := func(text string) time.Time {
		parsed, err := time.Parse(time.RFC3339, text)
		require.NoError(t, err)
		return parsed
	}
	events := []Event{
		{ID: "1", UserID: "ann", Type: "buy", At: at("2025-08-01T10:00:00Z"), Properties: `{"price":5}`},
		{ID: "2", UserID: "ann", Type: "buy", At: at("2025-08-03T00:00:00Z"), Properties: `{"price":50}`},
		{ID: "3", UserID: "ann", Type: "view", At: at("2025-08-04T10:00:00Z"), Properties: `{"plan":"pro"}`},
		{ID: "4", UserID: "bob", Type: "buy", At: at("2025-08-02T23:59:59Z")},
		{ID: "5", UserID: "bob", Type: "buy", At: at("2025-08-05T00:00:00Z")}, // behind the end
		{ID: "6", UserID: "eve", Type: "view", At: at("2025-08-05T01:00:00Z")},
	}
	all, ann, bob, eve := "ann ann ann bob bob eve", "ann ann ann", "bob bob", "eve"
	buy := Series{Types: []string{"buy"}}
	pro := Condition{Field: Field{Source: "user", Keys: []string{"plan"}}, Op: "=", Values: []string{"pro"}}
	cheap := Condition{Field: Field{Source: "properties", Keys: []string{"price"}}, Op: "<", Values: []string{"10"}}
	buyers := &Cohort{Filter: Did{Series: buy, Op: ">=", Times: 1}}
	in := func(c *Cohort, op, value string) Condition {
		return Condition{Field: Field{Source: "cohort", Cohort: c}, Op: op, Values: []string{value}}
	}
	for _, c := range []struct {
		about  string
		filter Filter
		want   string
	}{
		{"once", Did{Series: buy, Op: ">=", Times: 1}, ann + " " + bob},
		{"twice", Did{Series: buy, Op: ">=", Times: 2}, ann},
		{"never", Did{Series: buy, Op: "=", Times: 0}, eve},
		{"not at all", Not{Did{Series: buy, Op: ">=", Times: 1}}, eve},
		{"exactly at the begin of the last 48 hours", Did{Series: buy, Op: ">=", Times: 1, Last: 48 * time.Hour}, ann},
		{"a second more", Did{Series: buy, Op: "=", Times: 1, Last: 48*time.Hour + time.Second}, ann + " " + bob},
		{"the first lies before", Did{Series: Series{Types: []string{"buy"}, First: true}, Op: ">=", Times: 1, Last: 48 * time.Hour}, ""},
		{"the first is one", Did{Series: Series{Types: []string{"buy"}, First: true}, Op: "=", Times: 1}, ann + " " + bob},
		{"with a filter", Did{Series: Series{Filter: cheap}, Op: "=", Times: 1}, ann},
		{"of users with a plan", Did{Series: Series{Filter: pro}, Op: ">", Times: 2}, ann},
		{"any event, also of who came later", Did{Op: "<=", Times: 1}, bob + " " + eve},
		{"in a cohort", in(buyers, "=", "true"), ann + " " + bob},
		{"not in it", in(buyers, "=", "false"), eve},
		{"in any text of it", in(buyers, "~", "e"), all},
		{"in a list", in(&Cohort{Users: []string{"eve", "nobody"}}, "!=", "false"), eve},
		{"in a cohort of a cohort", in(&Cohort{Filter: All{in(buyers, "=", "true"), Not{pro}}}, "=", "true"), bob},
		{"always", Did{Op: ">=", Times: 0}, all},
	} {
		got := ""
		for _, e := range Keep(events, c.filter, "", "2025-08-04", time.UTC) {
			got += " " + e.UserID
		}
		if c.want != "" {
			c.want = " " + c.want
		}
		require.Equal(t, c.want, got, c.about)
	}
}
