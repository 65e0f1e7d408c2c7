package native

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/event"
	"eventanalytics/pkg/platform/problem"
	"eventanalytics/pkg/platform/server"
	"eventanalytics/services/ingest/intake"
)

// Answer to accepted events.
type Answer struct {
	Message         string               `json:"message" example:"Events accepted."`
	ObjCount        int                  `json:"obj_count" doc:"Events in the request"`
	Accepted        int                  `json:"accepted" doc:"Events that were new and are stored"`
	Duplicates      int                  `json:"duplicates" doc:"Events that were stored before, or twice in this request"`
	Rejected        int                  `json:"rejected" doc:"Events that are invalid; nothing of them is stored"`
	Errors          []problem.FieldError `json:"errors" doc:"The first 100 rejected events, and duplicates with another content than the first (code conflict)"`
	ErrorsOmitted   int                  `json:"errors_omitted" doc:"How many more errors there were"`
	Position        string               `json:"position" doc:"Pass it as min_position to the stats routes to see these events"`
	ResponseTimeSec float64              `json:"response_time_sec" doc:"Time the request took, in seconds"`
	UserID          *int64               `json:"user_id" doc:"The user who posted; null for an API key"`
}

func accepted(caller auth.Principal, r intake.Result, start time.Time) (intake.Answer, error) {
	a := Answer{
		Message:    "Events accepted.",
		ObjCount:   r.Events(),
		Accepted:   r.Accepted,
		Duplicates: r.Duplicates,
		Rejected:   r.Rejected,
		Position:   r.Position,
	}
	if caller.UserID != 0 {
		a.UserID = &caller.UserID
	}
	all := append(invalidErrors(r.Invalid), conflictErrors(r.Conflicts)...)
	slices.SortFunc(all, func(a, b problem.FieldError) int { return *a.Index - *b.Index })
	a.Errors, a.ErrorsOmitted = listed(all, r.Rejected+len(r.Conflicts))
	a.ResponseTimeSec = time.Since(start).Seconds()
	b, err := json.Marshal(a)
	if err != nil {
		return intake.Answer{}, fmt.Errorf("writing the answer: %w", err)
	}
	return intake.Answer{Status: http.StatusAccepted, Body: b}, nil
}

// refused makes the answer to keep of a refusal.
func refused(ctx context.Context, refusal error) (intake.Answer, error) {
	p := *problem.From(asProblem(refusal))
	p.Instance = server.RequestFrom(ctx).ID
	b, err := json.Marshal(&p)
	if err != nil {
		return intake.Answer{}, fmt.Errorf("writing the refusal: %w", err)
	}
	return intake.Answer{Status: p.Status, Body: b}, nil
}

func invalidErrors(all []event.Invalid) []problem.FieldError {
	errs := make([]problem.FieldError, len(all))
	for i, v := range all {
		errs[i] = problem.FieldError{Index: &v.Index, Field: v.Field, Code: v.Code, Message: v.Message}
	}
	return errs
}

// conflictErrors describes the first conflicts, as many as an answer lists.
func conflictErrors(indexes []int32) []problem.FieldError {
	indexes = indexes[:min(len(indexes), problem.MaxListed)]
	errs := make([]problem.FieldError, len(indexes))
	for i, at := range indexes {
		index := int(at)
		errs[i] = problem.FieldError{Index: &index, Field: "event_id", Code: "conflict", Message: "is known with another content; the first stays"}
	}
	return errs
}

// listed returns the errors that an answer lists, of those given and count in all,
// and how many it omits.
func listed(first []problem.FieldError, count int) (list []problem.FieldError, omitted int) {
	n := min(len(first), problem.MaxListed)
	return first[:n], count - n
}
