package sdk

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"eventanalytics/pkg/auth"
	authhttp "eventanalytics/pkg/auth/http"
	"eventanalytics/pkg/event"
	"eventanalytics/pkg/platform/problem"
	"eventanalytics/pkg/platform/ratelimit"
	"eventanalytics/pkg/platform/server"
	"eventanalytics/services/ingest/intake"
)

// Rejected is an event in the quarantine, as clients see it.
type Rejected struct {
	EventID    string    `json:"event_id" doc:"Id that the event would have; free until it is accepted"`
	ReceivedAt time.Time `json:"received_at" doc:"When it arrived"`
	Protocol   string    `json:"protocol" doc:"Protocol it came by"`
	Reason     string    `json:"reason" doc:"Code of the rule it breaks: no-user, user-too-long, no-type, type-too-long, properties-too-large, too-deep, bad-number, before-earliest and others"`
	Message    string    `json:"message" doc:"What is wrong, for people"`
	Index      int32     `json:"index" doc:"Position of the event in its request, from 0"`
	KeyID      int64     `json:"key_id" doc:"Id of the API key that sent it"`
	JSON       string    `json:"json" doc:"What was sent, at most 64 KiB of it"`
	Whole      bool      `json:"whole" doc:"json is all of it; otherwise it cannot be replayed"`
}

type rejectedInput struct {
	authhttp.ProjectParam
	From  string `query:"from" doc:"Earliest arrival, a date or a date-time; 30 days before to by default" example:"2025-08-01"`
	To    string `query:"to" doc:"Latest arrival: to the end of the date, or before the date-time; now by default" example:"2025-08-31"`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"Maximum events"`
	Order string `query:"order" enum:"oldest,newest" default:"oldest" doc:"Which arrivals come first"`
	After string `query:"after" doc:"Only events after those of a page: its next"`
}

// Resolve checks what huma accepts.
func (*rejectedInput) Resolve(ctx huma.Context) []error {
	if p := server.CheckQuery(ctx); p != nil {
		return []error{p}
	}
	return nil
}

type rejectedOutput struct {
	Body struct {
		Data []Rejected `json:"data" doc:"The events, by arrival"`
		Next string     `json:"next,omitempty" doc:"Pass it as after for the next page; absent when this was the last"`
	}
}

type replayInput struct {
	authhttp.ProjectParam
	From string `query:"from" doc:"Earliest arrival, a date or a date-time; 30 days before to by default" example:"2025-08-01"`
	To   string `query:"to" doc:"Latest arrival: to the end of the date, or before the date-time; now by default" example:"2025-08-31"`
}

// Resolve checks what huma accepts.
func (*replayInput) Resolve(ctx huma.Context) []error {
	if p := server.CheckQuery(ctx); p != nil {
		return []error{p}
	}
	return nil
}

type replayOutput struct {
	Body struct {
		Accepted   int    `json:"accepted" doc:"Events and operations that are stored now"`
		Duplicates int    `json:"duplicates" doc:"Those that were accepted since they were rejected"`
		Rejected   int    `json:"rejected" doc:"Those that stay where they are"`
		Position   string `json:"position" doc:"Pass it as min_position to stats routes to see the events; empty when there were none"`
	}
}

func (s *Service) registerQuarantine(srv *server.Server) {
	list := ratelimit.Limited(authhttp.Secured(huma.Operation{
		OperationID: "rejected-events", Method: http.MethodGet, Path: "/api/events/rejected",
		Summary:     "Rejected events of SDKs",
		Description: "Events that an SDK sent and that break a rule. They are kept for 30 days, the newest 100,000 of a project.",
		Tags:        []string{"Events"}, Errors: []int{http.StatusUnprocessableEntity, http.StatusServiceUnavailable},
	}, auth.ScopeRead), ratelimit.ClassStats)
	huma.Register(srv.API, list, s.listRejected)
	replay := ratelimit.Limited(authhttp.Secured(huma.Operation{
		OperationID: "replay-rejected-events", Method: http.MethodPost, Path: "/api/events/rejected/replay",
		Summary:     "Try rejected events again",
		Description: "After a rule has changed, such as MAX_EVENT_TYPES. What is valid now is stored, once, with the time of its first arrival; the rest stays in the quarantine.",
		Tags:        []string{"Events"}, Errors: []int{http.StatusUnprocessableEntity, http.StatusServiceUnavailable},
	}, auth.ScopeIngest), ratelimit.ClassIngest)
	huma.Register(srv.API, replay, s.replay)
}

func (s *Service) listRejected(ctx context.Context, in *rejectedInput) (*rejectedOutput, error) {
	from, to, err := s.arrivals(in.From, in.To)
	if err != nil {
		return nil, err
	}
	after, err := readPlace(in.After)
	if err != nil {
		return nil, err
	}
	stretch := intake.Stretch{From: from, To: to, Newest: in.Order == "newest", After: after}
	all, err := s.intake.Quarantined(ctx, auth.From(ctx).ProjectID, stretch, in.Limit+1)
	if err != nil {
		return nil, asProblem(err)
	}
	out := &rejectedOutput{}
	if len(all) > in.Limit {
		all = all[:in.Limit]
		out.Body.Next = writePlace(all[in.Limit-1].Place())
	}
	out.Body.Data = make([]Rejected, len(all))
	for i, q := range all {
		out.Body.Data[i] = Rejected{
			EventID: q.ID.String(), ReceivedAt: q.ReceivedAt.UTC(), Protocol: q.Protocol, Reason: q.Reason, Message: q.Message,
			Index: q.Index, KeyID: q.KeyID, JSON: q.Payload, Whole: q.Whole,
		}
	}
	return out, nil
}

// writePlace writes the place of an event for readPlace.
func writePlace(p intake.Place) string {
	return p.At.UTC().Format(time.RFC3339Nano) + "," + p.ID.String()
}

// readPlace reads what writePlace wrote; nothing is nil.
func readPlace(text string) (*intake.Place, error) {
	if text == "" {
		return nil, nil
	}
	at, id, _ := strings.Cut(text, ",")
	received, err := readInstant("after", at, 0)
	if err == nil {
		if parsed, bad := uuid.Parse(id); bad == nil {
			return &intake.Place{At: received, ID: parsed}, nil
		}
	}
	return nil, problem.Invalid("invalid-parameter", "after", "must be the next of a page")
}

// arrivals reads a range of arrivals.
func (s *Service) arrivals(from, to string) (first, before time.Time, err error) {
	before = s.now()
	if to != "" {
		if before, err = readInstant("to", to, 24*time.Hour); err != nil {
			return first, before, err
		}
	}
	if from == "" {
		return before.Add(-30 * 24 * time.Hour), before, nil
	}
	if first, err = readInstant("from", from, 0); err == nil && before.Before(first) {
		err = problem.Invalid("invalid-parameter", "from", "is after to")
	}
	return first, before, err
}

// readInstant reads a date-time, or a date to which day is added.
func readInstant(name, text string, day time.Duration) (time.Time, error) {
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		return t.Add(day), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil || t.Year() < 1 || t.Year() > 9999 {
		return t, problem.Invalid("invalid-parameter", name, "must be a date or a date-time such as 2025-08-21T06:52:34Z")
	}
	return t, nil
}

// replayAtOnce is how many events of the quarantine share a transaction.
const replayAtOnce = 500

func (s *Service) replay(ctx context.Context, in *replayInput) (*replayOutput, error) {
	from, to, err := s.arrivals(in.From, in.To)
	if err != nil {
		return nil, err
	}
	caller := auth.From(ctx)
	out := &replayOutput{}
	stretch := intake.Stretch{From: from, To: to}
	for {
		some, err := s.intake.Quarantined(ctx, caller.ProjectID, stretch, replayAtOnce)
		if err != nil {
			return nil, asProblem(err)
		}
		if len(some) == 0 {
			return out, nil
		}
		last := some[len(some)-1].Place()
		stretch.After = &last
		for protocol, rows := range byProtocol(some) {
			result, err := s.replayOf(ctx, caller, protocol, rows)
			if err != nil {
				return nil, asProblem(err)
			}
			out.Body.Accepted += result.Accepted
			out.Body.Duplicates += result.Duplicates
			out.Body.Rejected += len(rows) - result.Accepted - result.Duplicates
			if result.Position != "" {
				out.Body.Position = result.Position
			}
		}
	}
}

func byProtocol(rows []intake.Quarantined) map[string][]intake.Quarantined {
	by := map[string][]intake.Quarantined{}
	for _, row := range rows {
		by[row.Protocol] = append(by[row.Protocol], row)
	}
	return by
}

// replayOf tries events of a protocol again, each with its own id: those that are valid
// leave the quarantine in the transaction that stores them.
func (s *Service) replayOf(ctx context.Context, caller auth.Principal, protocol string, rows []intake.Quarantined) (intake.Result, error) {
	p := s.protocols[protocol]
	if p == nil { // not served any more
		return intake.Result{}, nil
	}
	all := newSettler(p, caller, &Envelope{}, s.intake.Limits())
	for i := range rows {
		row := &rows[i]
		var env Envelope
		if !row.Whole || json.Unmarshal([]byte(row.Envelope), &env) != nil {
			continue
		}
		one := newSettler(p, caller, &env, all.limits)
		if one.add([]byte(row.Payload)) != nil { // it is no JSON, and stays
			continue
		}
		for _, e := range one.out.Batch.Events {
			e.ID = row.ID
			all.out.Batch.Events, all.out.Batch.Indexes = append(all.out.Batch.Events, e), append(all.out.Batch.Indexes, int32(i))
		}
		for _, c := range one.out.Claims {
			if c.Place = int32(i); c.Operation != uuid.Nil {
				c.Operation = row.ID
			}
			all.out.Claims = append(all.out.Claims, c)
		}
		for _, e := range one.out.Traits {
			if e.Place = int32(i); e.Operation != uuid.Nil {
				e.Operation, e.Place = row.ID, row.Index
			}
			all.out.Traits = append(all.out.Traits, e)
		}
		for _, o := range one.out.Operations {
			o.ID, o.Place = row.ID, row.Index
			all.out.Operations, all.out.Replayed = append(all.out.Operations, o), append(all.out.Replayed, row.ID)
		}
	}
	all.out.Quarantine = func(index int32, m event.Mistake) intake.Rejected { return rows[index].Rejected }
	if err := s.intake.Admit(ctx, caller, all.out); err != nil {
		return intake.Result{}, err
	}
	all.out.Rejected = nil // they are there already
	for _, e := range all.out.Batch.Events {
		all.out.Replayed = append(all.out.Replayed, e.ID)
	}
	if len(all.out.Replayed) == 0 {
		return intake.Result{}, nil
	}
	return s.intake.Receive(ctx, caller, all.out)
}

func asProblem(err error) error {
	if _, later := passing(err); later {
		return problem.Unavailable("unavailable", "the quarantine cannot be read now; try again", 2*time.Second, err)
	}
	return err
}
