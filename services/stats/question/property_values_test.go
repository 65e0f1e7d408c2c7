package question_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/oracle"
	"eventanalytics/services/stats/question"
)

// propertyValues asks random questions of the values of fields, as they are posted.
func (c *comparison) propertyValues(t *testing.T) {
	var events []oracle.Event
	for _, e := range c.whole {
		events = append(events, c.naive(e))
	}
	for range 8 {
		b, asked := c.g.propertyValues(c.scene, c.now)
		p := question.PropertyValuesParams{Limit: 20}
		require.NoError(t, json.Unmarshal([]byte(b.String()), &p))
		parsed, err := p.Question(c.now)
		require.NoError(t, err, b)
		q := parsed.(question.PropertyValues)
		rows, users := [][]any{}, [][]any{}
		for _, r := range asked.Rows(events) {
			var value any
			if r.Value != nil {
				value = *r.Value
			}
			rows, users = append(rows, []any{value, r.Events}), append(users, []any{value, r.Events, r.Users})
		}
		if q.Q != strings.ToLower(q.Q) {
			c.w.answers["values containing"] += len(rows)
		}
		if c.g.IntN(2) == 0 {
			q.Include, users = "", rows
		}
		c.equal(t, b.String(), q, users)
	}
}
