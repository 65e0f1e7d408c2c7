// Package intake is the one way in: whatever protocol events arrive by, Accept
// stores each of them once. It bounds what all requests may take, counts events,
// and wakes the sync worker. It knows nothing of HTTP or of what a protocol's
// requests and answers look like.
package intake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/event"
	"eventanalytics/pkg/names"
	"eventanalytics/pkg/outbox"
	"eventanalytics/services/ingest/body"
	"eventanalytics/services/ingest/store"
)

// Deps are what an Intake needs from outside.
type Deps struct {
	Pool     *pgxpool.Pool
	Tokens   outbox.Tokens // writes positions
	Now      func() time.Time
	Log      *zap.Logger
	Registry prometheus.Registerer
}

// Intake takes events in.
type Intake struct {
	limits   Limits
	pool     *pgxpool.Pool
	store    *store.Store
	names    *names.Registry
	budget   *body.Budget
	tokens   outbox.Tokens
	now      func() time.Time
	log      *zap.Logger
	kept     *kept
	claims   *remembered
	metrics  metrics
	appended chan struct{} // holds a token while the worker should be woken
}

// New makes an Intake. Run does its background work.
func New(cfg Config, deps Deps) *Intake {
	return &Intake{
		limits: cfg.Limits, pool: deps.Pool, store: store.New(cfg.Store, deps.Pool),
		names:  names.New(cfg.Names, deps.Pool, deps.Registry),
		budget: body.NewBudget(cfg.Limits.MaxInFlight, deps.Registry),
		tokens: deps.Tokens, now: deps.Now, log: deps.Log,
		kept:    &kept{cfg: cfg.Kept, added: map[int64]volume{}},
		claims:  newRemembered(),
		metrics: newMetrics(deps.Registry), appended: make(chan struct{}, 1),
	}
}

// Open opens a request's body, within the limits of one request, of its
// caller and of all; see
// body.Open.
func (in *Intake) Open(caller auth.Principal, r io.Reader, length int64, encodings []string) (*body.Body, error) {
	limits := body.Limits{MaxBytes: in.limits.MaxBodyBytes, MaxRatio: in.limits.MaxRatio}
	return body.Open(r, length, encodings, limits, in.budget, body.Holder{Project: caller.ProjectID})
}

// OpenAny is Open for clients that choose the encoding and do not come back: it takes
// more of them, and asks wait when there is no room. The caller need not be known: the
// body counts for holder.
func (in *Intake) OpenAny(holder body.Holder, r io.Reader, length int64, encodings []string, wait func() bool) (*body.Body, error) {
	limits := body.Limits{MaxBytes: in.limits.MaxBodyBytes, MaxRatio: in.limits.MaxRatio, Any: true, Wait: wait}
	return body.Open(r, length, encodings, limits, in.budget, holder)
}

// MaxBodyBytes is how many bytes a request may have.
func (in *Intake) MaxBodyBytes() int64 { return in.limits.MaxBodyBytes }

// Limits of the events of a request that arrives now.
func (in *Intake) Limits() event.Limits {
	return event.Limits{
		MaxEvents: in.limits.MaxEvents,
		NotBefore: in.limits.NotBefore,
		NotAfter:  in.now().Add(in.limits.MaxFuture),
	}
}

// Options of Accept.
type Options struct {
	Atomic bool  // store all events or none
	Once   *Once // nil when the request has no idempotency key
}

// Result is what became of the events of a request that was not refused.
type Result struct {
	Accepted   int             // events that were new and are stored
	Duplicates int             // valid events that were stored before, or twice in the request
	Rejected   int             // invalid events: nothing of them is stored
	Invalid    []event.Invalid // the first of them, at most event.MaxKept
	// Conflicts are those Duplicates whose content differs from what is stored,
	// by their index in the request, ascending.
	Conflicts []int32
	// Position is the token from which on the accepted and duplicate events are
	// visible.
	Position string
	// Kept is the answer of a request with an idempotency key, else nil.
	Kept *Kept
}

// Events is the number of events in the request.
func (r *Result) Events() int { return r.Accepted + r.Duplicates + r.Rejected }

// InvalidError refuses a batch without a valid event and, when it is atomic, one
// with an invalid event. Nothing was stored.
type InvalidError struct {
	Events   int             // in the request
	Rejected int             // of them
	Invalid  []event.Invalid // the first of those, at most event.MaxKept
	Code     string          // of the mistake that all of those have in common, or empty
}

func (e *InvalidError) Error() string {
	return fmt.Sprintf("%d of %d events are invalid; nothing was stored", e.Rejected, e.Events)
}

// ConflictError refuses an atomic batch with an id that is known with another
// content. Nothing was stored.
type ConflictError struct {
	Indexes []int32 // of the events in the request, ascending
}

func (e *ConflictError) Error() string {
	return "an event_id is known with another content; nothing was stored"
}

// Accept stores those events of one caller that are new. When it returns without
// an error, these and the duplicates are durable. It refuses a batch with
// *InvalidError or *ConflictError; under an idempotency key the refusal is an
// answer like any other, in Result.Kept. After any other error either all events
// are stored or none: send the same ones again.
func (in *Intake) Accept(ctx context.Context, caller auth.Principal, batch *event.Batch, o Options) (Result, error) {
	if !refused(batch, o.Atomic) {
		if err := in.names.Admit(ctx, caller.ProjectID, batch, o.Atomic); err != nil {
			return Result{}, err
		}
	}
	in.metrics.rejected.Add(float64(batch.Rejected))
	if refused(batch, o.Atomic) {
		return in.Refuse(ctx, caller, &InvalidError{
			Events: batch.Len(), Rejected: batch.Rejected, Invalid: batch.Invalid, Code: batch.Code,
		}, o.Once)
	}
	if o.Once != nil {
		return in.once(ctx, caller.ProjectID, batch, nil, o)
	}
	out, err := in.store.Add(ctx, caller.ProjectID, batch, o.Atomic)
	switch {
	case errors.Is(err, store.ErrConflict):
		return Result{}, &ConflictError{Indexes: out.Conflicts}
	case err != nil:
		return Result{}, err
	}
	in.stored(batch, out)
	return in.result(caller.ProjectID, batch, out), nil
}

// refused says whether a batch is refused for its invalid events.
func refused(batch *event.Batch, atomic bool) bool {
	return batch.Rejected > 0 && (atomic || len(batch.Events) == 0)
}

// Refuse is Accept for a request that holds no batch, and that its protocol
// refuses nevertheless as one that was understood. It returns refusal, or keeps
// it under the idempotency key.
func (in *Intake) Refuse(ctx context.Context, caller auth.Principal, refusal error, once *Once) (Result, error) {
	if once == nil {
		return Result{}, refusal
	}
	return in.once(ctx, caller.ProjectID, nil, refusal, Options{Once: once})
}

func (in *Intake) result(project int64, batch *event.Batch, out store.Outcome) Result {
	return Result{
		Accepted: out.Accepted, Duplicates: out.Duplicates, Rejected: batch.Rejected, Invalid: batch.Invalid, Conflicts: out.Conflicts,
		Position: in.tokens.Encode(project, out.Position),
	}
}

// stored counts what was committed and wakes the sync worker.
func (in *Intake) stored(batch *event.Batch, out store.Outcome) {
	in.metrics.accepted.Add(float64(out.Accepted))
	in.metrics.duplicates.Add(float64(out.Duplicates))
	in.metrics.batchEvents.Observe(float64(batch.Len()))
	if out.Accepted+out.Claims+out.Traits > 0 {
		in.wake()
	}
}

// wake has the sync worker woken.
func (in *Intake) wake() {
	select {
	case in.appended <- struct{}{}:
	default: // a wake-up is already on its way
	}
}
