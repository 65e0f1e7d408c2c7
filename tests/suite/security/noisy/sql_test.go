package noisy

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventanalytics/tests/harness/api"
)

// worst are statements that take all the memory, all CPUs or all time that they get.
var worst = []string{
	"SELECT count(*) FROM events AS a, events AS b, events AS c, events AS d WHERE hash(a.event_id, d.event_id) % 7 = 3",
	"SELECT count(DISTINCT a.range * 1000000 + b.range) FROM range(1000000) AS a, range(1000000) AS b",
	"SELECT * FROM range(10000000000) ORDER BY hash(range)",
	"SELECT len(string_agg(repeat('x', 1000000), '')) FROM range(100000)",
	"SELECT len(list(repeat('x', 1000))) FROM range(100000000)",
	"SELECT len(repeat(repeat('x', 1000000), 3000)) AS x",
	"SELECT sum(len(regexp_replace(repeat('a', 1000000), '(a+)+', repeat('b', 1000), 'g'))) FROM range(100000)",
	"SELECT max(n) FROM (SELECT row_number() OVER (ORDER BY hash(a.range, b.range)) AS n FROM range(1000000) AS a, range(1000) AS b)",
	"SELECT * FROM range(100000) AS a, events ORDER BY properties, occurred_at",
	"SELECT unnest(range(1000000000))",
	"SELECT range, repeat('x', 900000) AS x FROM range(10000)",
}

// TestWorstSQL runs the worst statements without a pause, from several clients, of which all
// but one are told that the project is busy. A neighbour's questions are answered as always.
func TestWorstSQL(t *testing.T) {
	a := attacker(t)
	last := a.Upload(t, heavyEvents(20_000), "Content-Type", "application/x-ndjson").Position
	a.Visible(t, last, "/api/stats/event-types")
	n := newNeighbour(t, gateway)
	n.also = []ask{{"a funnel", get(n.Caller, "/api/stats/funnels?from=2025-07-01&to=2025-08-01&steps=work&steps=work")}}
	var asked atomic.Int64
	var mu sync.Mutex
	statuses := map[int]int{}
	n.beside(t, func(ctx context.Context) {
		var all sync.WaitGroup
		for i := range 3 {
			all.Go(func() {
				for k := range worst {
					statement := worst[(k+i)%len(worst)]
					answer, err := try(ctx, a, "/api/sql", api.Object{"sql": statement})
					asked.Add(1)
					if ctx.Err() == nil && assert.NoError(t, err, statement) {
						assert.Contains(t, []int{200, 422, 429, 503}, answer.Status, "%s: %s", statement, answer)
						mu.Lock()
						statuses[answer.Status]++
						mu.Unlock()
					}
					if answer != nil && answer.Status != 200 {
						pause(ctx, pace)
					}
				}
			})
		}
		all.Wait()
	})
	t.Logf("%d statements, answered with %v", asked.Load(), statuses)
	require.Positive(t, statuses[503])
	answer, err := try(t.Context(), n.Caller, "/api/sql", api.Object{"sql": "SELECT count(*) AS n FROM events"})
	require.NoError(t, err)
	require.Equal(t, 200, answer.Status, fmt.Sprint(answer))
	alive(t)
}
