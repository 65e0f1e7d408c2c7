package noisy

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventanalytics/tests/harness/api"
)

// TestHeavyWalks asks for the largest funnels, paths, sessions and lists of users that may
// be asked for, several at once. Half of the clients hang up before they are answered: what
// they asked must not go on, nor keep others from their turn.
func TestHeavyWalks(t *testing.T) {
	a := attacker(t)
	last := a.Upload(t, heavyEvents(20_000), "Content-Type", "application/x-ndjson").Position
	a.Visible(t, last, "/api/stats/event-types")
	putHeavyCohorts(t, a)
	n := newNeighbour(t, gateway)
	n.also = []ask{
		{"a funnel", get(n.Caller, "/api/stats/funnels?from=2025-07-01&to=2025-08-01&steps=work&steps=work")},
		{"sessions", get(n.Caller, "/api/stats/sessions?from=2025-07-01&to=2025-08-01")},
	}
	h := heavy{caller: a, questions: heavyWalks(), answered: map[string]int{}}
	n.beside(t, func(ctx context.Context) { h.attack(ctx, t) })
	t.Logf("%d questions, %d clients hung up, others got %v", h.asked.Load(), h.hungUp.Load(), h.answered)
	require.Positive(t, h.hungUp.Load())
	for _, q := range h.questions { // now they find their turn
		require.EventuallyWithT(t, func(c *assert.CollectT) {
			answer, err := try(t.Context(), a, "/api/stats/"+q.route, q.with(0))
			if assert.NoError(c, err) {
				assert.Equal(c, http.StatusOK, answer.Status, "%s: %s", q.route, answer)
			}
		}, patience, pace)
	}
	alive(t)
}

// heavy is an attack with questions.
type heavy struct {
	caller        *api.Caller
	questions     []heavyQuestion
	asked, hungUp atomic.Int64

	mu       sync.Mutex
	answered map[string]int // by route and status
}

// attack asks without a pause.
func (h *heavy) attack(ctx context.Context, t *testing.T) {
	ctx, cancel := context.WithTimeout(ctx, holding/2)
	defer cancel()
	var wg sync.WaitGroup
	for client := range 6 {
		wg.Go(func() {
			for ctx.Err() == nil {
				turn := int(h.asked.Add(1))
				asking, leave := context.WithCancel(ctx)
				if client%2 == 1 {
					asking, leave = context.WithTimeout(ctx, time.Duration(50+turn%400)*time.Millisecond)
				}
				h.ask(asking, t, turn)
				leave()
			}
		})
	}
	wg.Wait()
}

// ask asks the question whose turn it is.
func (h *heavy) ask(ctx context.Context, t *testing.T, turn int) {
	q := h.questions[turn%len(h.questions)]
	answer, err := try(ctx, h.caller, "/api/stats/"+q.route, q.with(turn))
	if ctx.Err() != nil {
		h.hungUp.Add(1)
		return
	}
	if !assert.NoError(t, err) || !assert.Contains(t, []int{200, 429, 503, 504}, answer.Status, "%s: %s", q.route, answer) {
		return
	}
	h.mu.Lock()
	h.answered[fmt.Sprintf("%s %d", q.route, answer.Status)]++
	h.mu.Unlock()
	if answer.Status == http.StatusTooManyRequests {
		pause(ctx, time.Second)
	}
}

// heavyEvents are so many events of a month. No two have the same a.s, which is looked for
// in JSON, as there are too many names of properties for columns of their own.
func heavyEvents(events int) string {
	var b strings.Builder
	first := time.Date(2025, 7, 1, 0, 0, 0, 0, time.UTC)
	for n := range events {
		fmt.Fprintf(&b, `{"event_id":%q,"occurred_at":%q,"user_id":%d,"event_type":"heavy%d","properties":{"a":{"n":%d,"s":"%x"},"k":"value %d","k%d":1}}`+"\n",
			uuid.NewString(), first.Add(time.Duration(n)*2*time.Minute).Format(time.RFC3339), n%601, n%10, n, n*n, n%977, n%200)
	}
	return b.String()
}

// heavyQuestion is a route with a body, in which # is a number, so that no two questions
// are the same.
type heavyQuestion struct{ route, body string }

// with returns the body with a number.
func (q heavyQuestion) with(n int) api.Object {
	var o api.Object
	if err := json.Unmarshal([]byte(strings.ReplaceAll(q.body, "#", fmt.Sprint(n))), &o); err != nil {
		panic(err) // it is written below
	}
	return o
}

const (
	heavyCohorts    = 6 // each names the one before
	heavyExpression = `properties.a.s:matches((?i)[0-9a-f]*(a|b|c)+[0-9]{1,40}(d|e|f)?$)`
)

// putHeavyCohorts makes cohorts of what users did and how far they got, each of them with
// the one before.
func putHeavyCohorts(t *testing.T, a *api.Caller) {
	t.Helper()
	for n := range heavyCohorts {
		filters := []string{fmt.Sprintf(`{"funnel": {"steps": ["heavy%d", "*", "*", "*"], "window": "366d", "order": "any"}, "reached": 3}`, n)}
		for k := range 15 {
			filters = append(filters, fmt.Sprintf(`{"did": {"event": "heavy%d", "filter": "%s"}, "times": ">=%d", "last": "%dd"}`, k%10, heavyExpression, 2+k%5, 20+n+k))
		}
		if n > 0 {
			filters = append(filters, fmt.Sprintf(`"cohort:heavy-%d"`, n-1))
		}
		body := `{"filter": {"any": [` + strings.Join(filters, ", ") + `]}}`
		answer := a.Do(t, http.MethodPut, fmt.Sprintf("/api/projects/%d/cohorts/heavy-%d", a.Project, n), strings.NewReader(body), "Content-Type", "application/json")
		require.Less(t, answer.Status, 300, "%s", answer)
	}
}

// heavyWalks have as many steps, conditions, exclusions and groups as questions may have,
// in windows of a year.
func heavyWalks() []heavyQuestion {
	var steps, exclude, did, conditions, fields []string
	for n := range 20 {
		steps = append(steps, fmt.Sprintf(`{"event": "*", "filter": "properties.a.n>=%d"}`, n))
		exclude = append(exclude, fmt.Sprintf(`{"event": "heavy%d", "filter": "properties.a.n=-1", "after": %d}`, n%10, 1+n%19))
		did = append(did, fmt.Sprintf(`{"did": {"event": "heavy%d", "filter": "%s"}, "times": ">=%d", "last": "%dd"}`, n%10, heavyExpression, 1+n%5, 20+n))
		fields = append(fields, fmt.Sprintf(`"user.k%d"`, n))
	}
	for n := range 99 {
		conditions = append(conditions, fmt.Sprintf(`"properties.a.n=%d"`, n*13))
	}
	const (
		days    = `"from": "2025-07-01", "to": "2025-07-31", `
		another = `"filter": ["` + heavyExpression + `", "user_id!=none #"]`
	)
	twenty := days + `"steps": [` + strings.Join(steps, ", ") + `], "window": "366d", `
	hundred := `{"any": [` + strings.Join(conditions, ", ") + `, "user.k=none #"]}`
	return []heavyQuestion{
		{"funnels", `{` + twenty + `"order": "any", "interval": "day", "filter": "user_id!=none #"}`},
		{"funnels", `{` + twenty + `"exclude": [` + strings.Join(exclude, ", ") + `], "breakdown": "properties.a.s", "top": 500, "attribution": "last", ` + another + `}`},
		{"funnels", `{` + twenty + `"order": "strict", "unit": "properties.k", "view": "times", "filter": "user_id!=none #"}`},
		{"funnels", `{` + days + `"steps": [{"event": "*", "filter": ` + hundred + `}, "*"], "window": "366d"}`},
		{"sessions", `{` + days + `"gap": "24h", "interval": "hour", "breakdown": ["entry.properties.a.s", "exit.properties.k"], "top": 500, "total": true, "filter": "user_id!=none #"}`},
		{"sessions", `{` + days + `"gap": "1min", "unit": "properties.k", "breakdown": "properties.a.s", ` + another + `}`},
		{"paths", `{` + days + `"steps": 20, "top": 100, "node": "properties.a.s", "start": "*", "within": "366d", "repeats": true, "filter": "user_id!=none #"}`},
		{"paths", `{` + days + `"steps": 20, "top": 100, "unit": "properties.k", "gap": "24h", "end": {"event": "heavy9", "filter": "` + heavyExpression + `"}, "filter": "user_id!=none #"}`},
		{"profiles", `{` + days + `"sort": "events", "limit": 1000, "fields": [` + strings.Join(fields, ", ") + `], ` + another + `}`},
		{"stickiness", `{` + days + `"filter": [{"any": [` + strings.Join(did, ", ") + `]}, "user_id!=none #"]}`},
		{"lifecycle", `{` + days + fmt.Sprintf(`"filter": ["cohort:heavy-%d=true", {"not": "cohort:heavy-%d=false"}, "user_id!=none #"]}`, heavyCohorts-1, heavyCohorts-2)},
	}
}
