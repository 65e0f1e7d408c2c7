package faults

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"time"

	"eventanalytics/pkg/client"
	"eventanalytics/pkg/oracle"
	"eventanalytics/tests/harness/stack"
)

// question is one that the naive model can also answer.
type question struct {
	metric string
	values url.Values
	want   func(events []oracle.Event) any // rows
}

var questions = []question{
	{"dau", url.Values{"from": {firstDay}, "to": {lastDay}}, func(events []oracle.Event) any {
		return oracle.DAU(events, firstDay, lastDay, time.UTC)
	}},
	{"top-events", url.Values{"from": {firstDay}, "to": {lastDay}, "limit": {"10"}}, func(events []oracle.Event) any {
		return oracle.TopEvents(events, firstDay, lastDay, time.UTC, 10)
	}},
	{"retention", url.Values{"start_date": {firstDay}, "end_date": {lastDay}, "windows": {"4"}}, func(events []oracle.Event) any {
		rows := []cohort{}
		q := oracle.Retention{Start: firstDay, End: lastDay, Windows: 4, Granularity: "week", Zone: time.UTC, Now: time.Now()}
		for _, r := range q.Rows(events) {
			rows = append(rows, cohort{r.Cohort, r.Window, r.Size, r.Retained, r.Incomplete})
		}
		return rows
	}},
	{"funnels", url.Values{"from": {firstDay}, "to": {lastDay}, "steps": {types[0], types[1]}, "window": {"30d"}}, func(events []oracle.Event) any {
		rows := []reached{}
		q := oracle.Funnel{
			Scope:    oracle.Scope{From: firstDay, To: lastDay, Zone: time.UTC, Now: time.Now(), CompleteUntil: time.Now()},
			Interval: "all", Order: "ordered", Window: 30 * 24 * time.Hour, Attribution: 1,
			Steps: []oracle.Series{{Types: types[:1]}, {Types: types[1:2]}},
		}
		for _, r := range q.Rows(events) {
			rows = append(rows, reached{r.Step, r.Users, r.Median})
		}
		return rows
	}},
}

// reached is a row of funnels, which are answered from events by user alone.
type reached struct {
	Step   int      `json:"step"`
	Users  int      `json:"users"`
	Median *float64 `json:"median_seconds"`
}

// cohort is a row of retention, its rate left out: it follows from the others.
type cohort struct {
	Week       string `json:"cohort_week"`
	Window     int    `json:"week_number"`
	Size       int    `json:"cohort_size"`
	Retained   int    `json:"retained_users"`
	Incomplete bool   `json:"incomplete"`
}

// naive is the event as the model takes it.
func (e event) naive() oracle.Event { return oracle.Event{UserID: e.User, Type: e.Type, At: e.At} }

func (f found) naive() []oracle.Event {
	events := make([]oracle.Event, 0, len(f))
	for _, e := range f {
		events = append(events, e.naive())
	}
	return events
}

// raw is a condition that holds for every event and that no roll-up can answer.
const raw = "user_id:exists"

// answers puts every question to each replica as of a position. The rows, whether
// from roll-ups or from the events themselves, must be those of the model.
func (c *cluster) answers(ctx context.Context, p *project, position string, events found) error {
	for _, q := range questions {
		want := q.want(events.naive())
		for _, name := range []string{"stats-1", "stats-2"} {
			for _, segment := range []string{"", raw} {
				got := reflect.New(reflect.TypeOf(want))
				if err := c.answer(ctx, name, p, q, position, segment, got.Interface()); err != nil {
					return err
				}
				if !reflect.DeepEqual(want, got.Elem().Interface()) {
					return failed("answers", "%s of %s (%s) is %v, the model says %v", q.metric, name, segment, got.Elem(), want)
				}
			}
		}
	}
	return nil
}

// answer repeats one question until it is answered.
func (c *cluster) answer(ctx context.Context, replica string, p *project, q question, position, segment string, rows any) error {
	return stack.Poll(ctx, 30*time.Second, func() error {
		status, err := c.ask(ctx, replica, p, q, position, segment, rows)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("%s of %s: status %d", q.metric, replica, status)
		}
		return err
	})
}

// ask asks one question once, as of a position if there is one; see the function
// ask.
func (c *cluster) ask(ctx context.Context, replica string, p *project, q question, position, segment string, rows any) (status int, err error) {
	values := maps.Clone(q.values)
	if segment != "" {
		values.Set("segment", segment)
	}
	_, status, err = ask(ctx, c.services[replica].url(), p, client.Question{Metric: q.metric, Values: values, MinPosition: position}, rows)
	return status, err
}

// watch queries a replica repeatedly until over is closed: its positions must never
// go back, not even across a restart.
func (c *cluster) watch(ctx context.Context, replica string, p *project, over <-chan struct{}) error {
	var newest []byte
	for {
		select {
		case <-over:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(40 * time.Millisecond):
		}
		var rows []json.RawMessage
		got, status, err := ask(ctx, c.services[replica].url(), p, client.Question{
			Metric: "top-events", Values: url.Values{"from": {firstDay}, "to": {lastDay}},
		}, &rows)
		if err != nil {
			return err
		}
		if status != http.StatusOK {
			continue
		}
		position := order(got.Meta.Position)
		if position == nil || bytes.Compare(position, newest) < 0 {
			return failed("positions", "%s went back from %x to %x", replica, newest, position)
		}
		newest = position
	}
}

// order returns the part of a position's token that sorts as positions do: version,
// project, incarnation, transaction and row, each big-endian. The rest of the token
// authenticates it.
func order(token string) []byte {
	const body = 1 + 8 + 4 + 8 + 8
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) < body {
		return nil
	}
	return b[:body]
}
