package sdk

import (
	"context"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"eventanalytics/pkg/client"
)

// visible is how long stored events may take to be counted, on a busy machine.
const visible = 30 * time.Second

// event of an answer.
type event struct {
	At         time.Time      `json:"occurred_at"`
	User       string         `json:"user_id"`
	Type       string         `json:"event_type"`
	Properties map[string]any `json:"properties"`
}

// probeType is of the event by whose position it is known that all before it are visible.
const probeType = "probe"

// stored returns the events of a project that the stats API knows, except for the probe,
// and the ids that the user of the SDK's page has.
func (r *run) stored(ctx context.Context, base string, p *project) (events []event, ids []string, err error) {
	ingest, err := client.New(client.Config{URL: base, APIKey: p.probe, RetryFor: visible})
	if err != nil {
		return nil, nil, err
	}
	defer ingest.Close()
	probe := fmt.Sprintf(`[{"event_id":%q,"occurred_at":%q,"user_id":"probe","event_type":%q}]`, uuid.NewString(), time.Now().UTC().Format(time.RFC3339), probeType)
	receipt, err := ingest.PostEvents(ctx, client.Upload{Body: []byte(probe)})
	if err != nil {
		return nil, nil, fmt.Errorf("posting the probe: %w", err)
	}
	stats, err := client.New(client.Config{URL: base, APIKey: p.read, RetryFor: visible})
	if err != nil {
		return nil, nil, err
	}
	defer stats.Close()
	events, err = ask[event](ctx, stats, client.Question{
		Metric: "events/latest", Values: url.Values{"limit": {"1000"}}, MinPosition: receipt.Position, Wait: visible,
	})
	if err != nil {
		return nil, nil, err
	}
	events = slices.DeleteFunc(events, func(e event) bool { return e.Type == probeType })
	if !r.sdk.logsIn() || !slices.ContainsFunc(events, isOfUser) {
		return events, nil, nil
	}
	profiles, err := ask[struct{ IDs []string }](ctx, stats, client.Question{Metric: "profiles/" + user})
	for _, one := range profiles {
		ids = one.IDs
	}
	return events, ids, err
}

// isOfUser says whether an event is of who logged in.
func isOfUser(e event) bool { return e.User == user }

func ask[T any](ctx context.Context, stats *client.Client, q client.Question) ([]T, error) {
	answer, err := stats.Ask(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", q.Metric, err)
	}
	return client.Rows[T](answer)
}

// check compares what is stored with what the SDK recorded and the network did. It returns
// what is wrong.
func (r *run) check(rows []event) (wrong []string) {
	say := func(format string, values ...any) { wrong = append(wrong, fmt.Sprintf(format, values...)) }
	r.counts = map[int]int{}
	for i := range rows {
		n, ok := rows[i].number()
		if !ok || n >= events {
			say("an event that was not recorded: %+v", rows[i])
			continue
		}
		r.counts[n]++
		for _, difference := range r.differences(n, &rows[i]) {
			say("event %d: %s", n, difference)
		}
	}
	t := r.traffic
	var lost []int
	for n := range events {
		least, most := t.stored[n], t.stored[n]+t.unclear[n]
		if r.sdk.inexact == "" || !r.sdk.timeless && !knownEvent(n, r.base).at.IsZero() {
			least, most = min(least, 1), min(most, 1)
		}
		switch count := r.counts[n]; {
		case count < least || count > most:
			say("event %d is stored %d times, and was taken %d times, %d times perhaps", n, count, t.stored[n], t.unclear[n])
		case count == 0 && (!r.sdk.losesAt(t.fault.name) || t.lost[n]+t.unclear[n] == 0):
			lost = append(lost, n)
		}
	}
	if len(lost) > 0 {
		say("lost, which the SDK does not do at this fault: %d", lost)
	}
	return append(wrong, t.refusals...)
}

// number of a stored event.
func (e *event) number() (int, bool) {
	mark, ok := e.Properties["mark"].(string)
	if !ok || !markPattern.MatchString(mark) {
		return 0, false
	}
	n, err := strconv.Atoi(mark[len("mark-"):])
	return n, err == nil
}

// differences between a stored event and the known one.
func (r *run) differences(n int, e *event) (all []string) {
	want := knownEvent(n, r.base)
	if e.Type != want.name {
		all = append(all, fmt.Sprintf("its type is %q", e.Type))
	}
	if r.sdk.place != browser && e.User != want.user {
		all = append(all, fmt.Sprintf("its user is %q", e.User))
	}
	for name, value := range want.properties {
		if got := e.Properties[name]; !slices.Contains(r.sdk.absent, name) && !reflect.DeepEqual(value, got) {
			all = append(all, fmt.Sprintf("its property %s is %v", name, got))
		}
	}
	if r.sdk.timeless {
		want.at = time.Time{}
	}
	switch {
	case !want.at.IsZero() && !e.At.Equal(want.at):
		all = append(all, fmt.Sprintf("it happened at %s, not %s", e.At, want.at))
	case want.at.IsZero() && (e.At.Before(r.begun.Add(-time.Second)) || e.At.After(time.Now().Add(time.Second))):
		all = append(all, fmt.Sprintf("it happened at %s, not since %s", e.At, r.begun))
	}
	return all
}

// checkUsers finds what is wrong with the users of events: in a page, those before the
// login are of one visitor, those after it of the user, who is the same person unless the SDK
// does not say so. ids are those that the user has.
func (r *run) checkUsers(rows []event, ids []string) (wrong []string) {
	if !r.sdk.logsIn() {
		return nil
	}
	var visitors []string
	for i := range rows {
		switch n, ok := rows[i].number(); {
		case !ok:
		case n < loggedIn:
			visitors = append(visitors, rows[i].User)
		case rows[i].User != user:
			wrong = append(wrong, fmt.Sprintf("event %d: its user is %q", n, rows[i].User))
		}
	}
	slices.Sort(visitors)
	if visitors = slices.Compact(visitors); len(visitors) > 1 {
		wrong = append(wrong, fmt.Sprintf("visitors before the login: %q", visitors))
	}
	if len(visitors) == 1 && len(ids) > 0 && !r.sdk.losesAt(r.fault.name) && slices.Contains(ids, visitors[0]) == r.sdk.unlinked {
		wrong = append(wrong, fmt.Sprintf("the visitor is %q, and the user has the ids %q", visitors[0], ids))
	}
	return wrong
}

// lostAndTwice counts the events that are missing, and the repetitions that are stored.
func (r *run) lostAndTwice() (lost, twice int) {
	for n := range events {
		if r.counts[n] == 0 {
			lost++
			continue
		}
		twice += r.counts[n] - 1
	}
	return lost, twice
}
