package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/jackc/pgx/v5"

	"eventanalytics/pkg/auth"
	authhttp "eventanalytics/pkg/auth/http"
	"eventanalytics/pkg/event"
	"eventanalytics/pkg/platform/problem"
	"eventanalytics/pkg/platform/ratelimit"
	"eventanalytics/pkg/platform/server"
	"eventanalytics/services/ingest/store"
)

// maxListedErrors in one answer; the others are counted.
const maxListedErrors = 100

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

type postEvents struct {
	Atomic         bool   `query:"atomic" doc:"Store all events or none"`
	IdempotencyKey string `header:"Idempotency-Key" maxLength:"200" doc:"Makes the whole upload repeatable for 24 hours: the same key and body get the same answer"`

	start       time.Time
	contentType string
	encodings   []string
	length      int64 // of raw, in bytes; negative when it is not known
	raw         io.Reader
}

// Resolve takes the body as a stream: huma would read it into memory.
func (in *postEvents) Resolve(ctx huma.Context) []error {
	in.start = time.Now()
	in.raw = ctx.BodyReader()
	in.contentType = ctx.Header("Content-Type")
	in.length = -1
	if n, err := strconv.ParseInt(ctx.Header("Content-Length"), 10, 64); err == nil {
		in.length = n
	}
	ctx.EachHeader(func(name, value string) {
		if http.CanonicalHeaderKey(name) == "Content-Encoding" {
			in.encodings = append(in.encodings, value)
		}
	})
	if p := server.CheckQuery(ctx); p != nil {
		return []error{p}
	}
	return nil
}

// reply is an answer ready to be sent, and to be kept under an idempotency key.
type reply struct {
	status   int
	body     []byte
	replayed bool
}

type output struct {
	Status      int
	ContentType string `header:"Content-Type"`
	Replayed    string `header:"Idempotency-Replayed" doc:"true when the answer is that of an earlier request with this Idempotency-Key"`
	Body        []byte
}

func (s *Service) registerEvents(api huma.API) {
	op := huma.Operation{
		OperationID: "post-events",
		Method:      http.MethodPost,
		Path:        "/api/events",
		Summary:     "Post events",
		Description: "Takes one event or many. Each is stored exactly once, however often it is sent: its event_id is its identity inside the project, for ever. " +
			"An answer of 202 says that the events are safe; after any other answer or none, send the same events again.",
		Tags: []string{"Events"},
		Errors: []int{
			http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType,
			http.StatusUnprocessableEntity, http.StatusTooManyRequests, http.StatusServiceUnavailable,
		},
	}
	schemas := api.OpenAPI().Components.Schemas
	op.Responses = map[string]*huma.Response{"202": {
		Description: "Accepted: what is reported accepted or duplicate is stored durably",
		Content: map[string]*huma.MediaType{"application/json": {
			Schema: schemas.Schema(reflect.TypeFor[Answer](), true, "Answer"),
		}},
	}}
	op.DefaultStatus = http.StatusAccepted
	huma.Register(api, ratelimit.Limited(authhttp.Secured(op, auth.ScopeIngest), ratelimit.ClassIngest), s.post)
	// Only described: huma would read into memory and check a body it knows of.
	api.OpenAPI().Paths[op.Path].Post.RequestBody = requestBody(schemas)
}

func (s *Service) post(ctx context.Context, in *postEvents) (*output, error) {
	caller := auth.From(ctx)
	r, err := s.answer(ctx, caller, in)
	if err != nil {
		return nil, asProblem(err)
	}
	out := &output{Status: r.status, ContentType: "application/json", Body: r.body}
	if r.status >= http.StatusBadRequest {
		out.ContentType = problem.ContentType
	}
	if r.replayed {
		out.Replayed = "true"
	}
	return out, nil
}

func (s *Service) answer(ctx context.Context, caller auth.Principal, in *postEvents) (*reply, error) {
	ndjson, err := isNDJSON(in.contentType)
	if err != nil {
		return nil, err
	}
	body, err := newBody(in.raw, in.length, in.encodings, s.cfg.Limits, s.budget)
	if err != nil {
		return nil, err
	}
	defer body.close()
	if in.IdempotencyKey != "" {
		body.hash()
	}
	now := s.now()
	batch, err := event.Decode(body, ndjson, event.Limits{
		MaxEvents: s.cfg.Limits.MaxEvents,
		NotBefore: s.cfg.Limits.NotBefore,
		NotAfter:  now.Add(s.cfg.Limits.MaxFuture),
	})
	var refusal error
	var request *event.RequestError
	switch {
	case err == nil:
		refusal = refuseInvalid(batch, in.Atomic)
	case errors.As(err, &request) && !request.Malformed:
		refusal = problem.New(http.StatusUnprocessableEntity, request.Code, request.Message)
	default:
		return nil, err
	}
	if batch != nil {
		s.metrics.rejected.Add(float64(len(batch.Invalid)))
	}

	if in.IdempotencyKey == "" {
		if refusal != nil {
			return nil, refusal
		}
		return s.add(ctx, caller, batch, in)
	}
	sum, err := body.digest()
	if err != nil {
		return nil, err
	}
	return s.addOnce(ctx, caller, batch, refusal, in, newIdempotency(in.IdempotencyKey, sum, in.Atomic))
}

func (s *Service) add(ctx context.Context, caller auth.Principal, batch *event.Batch, in *postEvents) (*reply, error) {
	out, err := s.store.Add(ctx, caller.ProjectID, batch, in.Atomic)
	if errors.Is(err, store.ErrConflict) {
		return nil, conflict(out)
	}
	if err != nil {
		return nil, err
	}
	s.stored(batch, out)
	return s.accepted(caller, batch, out, in)
}

// addOnce is add under an idempotency key: the answer, a refusal too, is kept in
// the same transaction as the events.
func (s *Service) addOnce(ctx context.Context, caller auth.Principal, batch *event.Batch, refusal error, in *postEvents, once *idempotency) (*reply, error) {
	var r *reply
	var out store.Outcome
	err := s.store.InTx(ctx, func(tx pgx.Tx) (err error) {
		if r, err = once.find(ctx, tx, caller.ProjectID); err != nil || r != nil {
			return err
		}
		refusal := refusal
		if refusal == nil {
			out, err = store.AddIn(ctx, tx, caller.ProjectID, batch, in.Atomic)
			if errors.Is(err, store.ErrConflict) {
				refusal, err = conflict(out), nil
			}
			if err != nil {
				return err
			}
		}
		if refusal != nil {
			out = store.Outcome{}
			r, err = refused(ctx, refusal)
		} else {
			r, err = s.accepted(caller, batch, out, in)
		}
		if err != nil {
			return err
		}
		return once.keep(ctx, tx, caller.ProjectID, r)
	})
	if err != nil {
		return nil, err
	}
	if !r.replayed && r.status == http.StatusAccepted {
		s.stored(batch, out)
	}
	return r, nil
}

// stored counts what was committed and wakes the sync worker.
func (s *Service) stored(batch *event.Batch, out store.Outcome) {
	s.metrics.accepted.Add(float64(out.Accepted))
	s.metrics.duplicates.Add(float64(out.Duplicates))
	s.metrics.batchEvents.Observe(float64(batch.Len()))
	if out.Accepted > 0 {
		select {
		case s.appended <- struct{}{}:
		default: // a wake-up is already on its way
		}
	}
}

func (s *Service) accepted(caller auth.Principal, batch *event.Batch, out store.Outcome, in *postEvents) (*reply, error) {
	a := Answer{
		Message:    "Events accepted.",
		ObjCount:   batch.Len(),
		Accepted:   out.Accepted,
		Duplicates: out.Duplicates,
		Rejected:   len(batch.Invalid),
		Position:   s.tokens.Encode(caller.ProjectID, out.Position),
	}
	if caller.UserID != 0 {
		a.UserID = &caller.UserID
	}
	all := append(invalidErrors(batch.Invalid), conflictErrors(out.Conflicts)...)
	slices.SortFunc(all, func(a, b problem.FieldError) int { return *a.Index - *b.Index })
	a.Errors, a.ErrorsOmitted = listed(all)
	a.ResponseTimeSec = time.Since(in.start).Seconds()
	b, err := json.Marshal(a)
	if err != nil {
		return nil, fmt.Errorf("writing the answer: %w", err)
	}
	return &reply{status: http.StatusAccepted, body: b}, nil
}
