package syntax

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFieldsOfSessions: the grammar of sessions has fields at the entry and exit of one,
// and says about the field there what is said about it elsewhere.
func TestFieldsOfSessions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"entry.event_type = view":                    `"entry.event_type=view"`,
		`exit.properties.a\.b:in( 1, 2)`:             `"exit.properties.a\\.b:in(1,2)"`,
		"entry.first_seen since(2025-08-01)":         `"entry.first_seen:since(2025-08-01)"`,
		`{"any": ["exit.time.hour=9", "user_id=1"]}`: `{"any":["exit.time.hour=9","user_id=1"]}`,
	} {
		f, err := OfSessions.ParseFilter(text)
		require.NoError(t, err, text)
		written, err := json.Marshal(f)
		require.NoError(t, err)
		require.Equal(t, want, string(written))
		var again Filter
		require.NoError(t, json.Unmarshal(written, &again))
		require.Equal(t, f, again)
	}
	all, err := OfSessions.ParseBreakdown([]string{"entry.properties.page", "properties.page", `{"field": "exit.properties.price", "bins": [1]}`})
	require.NoError(t, err)
	require.Equal(t, "entry.properties.page", all[0].Field.String())
	require.Equal(t, Field{Source: Property, Keys: []string{"page"}}, all[0].Field.AtEvent())
	require.Equal(t, all[1].Field, all[1].Field.AtEvent())

	for text, want := range map[string]string{
		`{"any":["entry.user_id>5"]}`: `any[0]: "entry.user_id>5" compares entry.user_id, a text, with the number 5`,
		"exit.last_seen=1":            "exit.last_seen is an instant",
		"entry=1":                     "names no field, as in entry.properties.page",
		"entry.entry.user_id=1":       "names a field at the entry of a session",
		"entry.country=1":             `"country" is not`,
	} {
		_, err := OfSessions.ParseFilter(text)
		require.ErrorContains(t, err, want, text)
	}
	_, err = ParseFilter(`{"any":["entry.user_id=5"]}`)
	require.ErrorContains(t, err, "any[0]: \"entry.user_id=5\" names a field at the entry of a session, which only the question sessions has")
	_, err = ParseBreakdown([]string{"exit.user_id"})
	require.ErrorContains(t, err, "only the question sessions has")
	_, err = OfSessions.ParseBreakdown([]string{"exit.user_id", "exit.user_id"})
	require.ErrorContains(t, err, "is there twice")
}
