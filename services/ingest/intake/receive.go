package intake

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/event"
	"eventanalytics/pkg/identity/links"
	"eventanalytics/pkg/traits/traitlog"
	"eventanalytics/services/ingest/store"
)

// What a request can bring beside its events.
type (
	// Operation says something of a user or group and is no activity.
	Operation = store.Operation
	// Rejected is an event that breaks a rule, for the quarantine.
	Rejected = store.Rejected
)

// Received is what a request of a protocol held whose clients cannot mend their events:
// each invalid one goes into the quarantine.
type Received struct {
	Batch *event.Batch // the valid events; nothing of it is rejected
	store.Beside
	// Quarantine makes the row of an event of Batch that its project has no room for.
	Quarantine func(index int32, m event.Mistake) Rejected
}

// Receive stores what a request held, in one transaction. When it returns without an
// error, all of it is durable: Accepted and Duplicates count operations as well. After
// an error either all is stored or nothing: call it again with the same Received.
func (in *Intake) Receive(ctx context.Context, caller auth.Principal, r *Received) (Result, error) {
	if err := in.Admit(ctx, caller, r); err != nil {
		return Result{}, err
	}
	beside := r.Beside
	beside.Claims = in.claims.unknown(r.Claims)
	out, err := in.store.AddBeside(ctx, caller.ProjectID, r.Batch, beside)
	if err != nil {
		return Result{}, err
	}
	in.claims.add(beside.Claims)
	in.stored(r.Batch, out)
	in.metrics.rejected.Add(float64(len(r.Rejected)))
	return Result{
		Accepted:   out.Accepted + out.Operations,
		Duplicates: out.Duplicates + len(r.Operations) - out.Operations,
		Rejected:   len(r.Rejected),
		Conflicts:  out.Conflicts,
		Position:   in.tokens.Encode(caller.ProjectID, out.Position),
	}, nil
}

// Admit takes the events out of the batch with which the project would have more names
// than it may, into the quarantine. Receive does it as well.
func (in *Intake) Admit(ctx context.Context, caller auth.Principal, r *Received) error {
	if len(r.Batch.Events) == 0 {
		return nil
	}
	before := make([]int32, len(r.Batch.Indexes))
	copy(before, r.Batch.Indexes)
	refused := r.Batch.Rejected
	if err := in.names.Admit(ctx, caller.ProjectID, r.Batch, false); err != nil {
		return err
	}
	if r.Batch.Rejected == refused {
		return nil
	}
	why := map[int]event.Mistake{} // of the first ones
	for _, v := range r.Batch.Invalid {
		why[v.Index] = v.Mistake
	}
	kept := r.Batch.Indexes
	out := map[int32]bool{}
	for _, index := range before {
		if len(kept) > 0 && kept[0] == index {
			kept = kept[1:]
			continue
		}
		out[index] = true
		m, known := why[int(index)]
		if !known {
			m = event.Mistake{Code: "too-many-names", Message: "the project has as many event types or property names as it may"}
		}
		r.Rejected = append(r.Rejected, r.Quarantine(index, m))
	}
	r.Claims = slices.DeleteFunc(r.Claims, func(c links.Claim) bool { return out[c.Place] })
	r.Traits = slices.DeleteFunc(r.Traits, func(e traitlog.Entry) bool { return e.Operation == uuid.Nil && out[e.Place] })
	return nil
}
