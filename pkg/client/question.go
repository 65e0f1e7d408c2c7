package client

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"time"
)

// Question is one about the events of a project.
type Question struct {
	// Metric is the route below /api/stats, such as dau or events/latest.
	Metric string
	Values url.Values
	// JSON, when not nil, is sent by POST in place of Values.
	JSON map[string]any
	// MinPosition, of a Receipt or an earlier answer, must be visible in the
	// answer. The service waits for that as long as Wait says, by default 5 seconds
	// and at most 30; then it answers 503 not-fresh-yet, which is tried again within
	// Config.RetryFor.
	MinPosition string
	Wait        time.Duration
	// Uncached asks for an answer that is computed for this question.
	Uncached bool
}

// Answer to a question.
type Answer struct {
	Data json.RawMessage `json:"data"` // rows: see Rows
	Meta Meta            `json:"meta"`
	// Query is the question as the service understood it.
	Query json.RawMessage `json:"query"`
	// Seconds the service took.
	Seconds float64 `json:"response_time_sec"`
}

// Meta says what an answer was computed from.
type Meta struct {
	Timezone      string    `json:"timezone"`
	Position      string    `json:"position"`       // of the data, for MinPosition
	CompleteUntil time.Time `json:"complete_until"` // events acknowledged earlier are counted
	Stale         bool      `json:"stale"`          // there may be newer data that could not be read
	Source        string    `json:"source"`         // rollup, walk or raw
	Rows          int       `json:"rows"`
}

// Ask asks a question.
func (c *Client) Ask(ctx context.Context, q Question) (*Answer, error) {
	x, err := q.call()
	if err != nil {
		return nil, err
	}
	return read[Answer](c.call(ctx, x))
}

// Rows decodes the rows of an answer.
func Rows[Row any](a *Answer) ([]Row, error) {
	var rows []Row
	if err := json.Unmarshal(a.Data, &rows); err != nil {
		return nil, fmt.Errorf("reading the rows of an answer: %w", err)
	}
	return rows, nil
}

func (q *Question) call() (call, error) {
	x := call{method: http.MethodGet, path: "/api/stats/" + q.Metric, want: http.StatusOK, header: http.Header{}}
	if q.Uncached {
		x.header.Set("Cache-Control", "no-cache")
	}
	freshness := map[string]string{}
	if q.MinPosition != "" {
		freshness["min_position"] = q.MinPosition
	}
	if q.Wait != 0 {
		freshness["wait"] = q.Wait.String()
	}
	if q.JSON == nil {
		values := url.Values{}
		maps.Copy(values, q.Values)
		for name, value := range freshness {
			values.Set(name, value)
		}
		if len(values) > 0 {
			x.path += "?" + values.Encode()
		}
		return x, nil
	}
	members := maps.Clone(q.JSON)
	for name, value := range freshness {
		members[name] = value
	}
	body, err := json.Marshal(members)
	if err != nil {
		return call{}, fmt.Errorf("encoding a question: %w", err)
	}
	x.method, x.body = http.MethodPost, body
	x.header.Set("Content-Type", "application/json")
	return x, nil
}
