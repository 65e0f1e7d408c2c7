package load

import (
	"context"
	"slices"

	"eventanalytics/pkg/identity/links"
	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/traits/traitlog"
)

// maxClaims is how many claims of identity are applied at once, and maxTraits how many
// changes of properties, to within one transaction.
const (
	maxClaims = 50_000
	maxTraits = 10_000
)

// beside is what is applied together with a batch.
type beside struct {
	claims *links.Batch
	traits traitlog.Due
}

func (b beside) any() bool { return b.claims.Len() > 0 || b.traits.Any() }

// beside finds the claims of identity and the changes of properties of all transactions
// that a batch has loaded when it is. They count from before the first row of their
// transaction on, so that those of the last one, of which the batch may have a part, are
// among them. When there are too many, the batch is cut behind the last of them.
func (l *Loader) beside(ctx context.Context, batch *outbox.Batch) (b beside, err error) {
	below := batch.XMin
	if !batch.Drained {
		below = batch.Rows[len(batch.Rows)-1].XID + 1
	}
	var more bool
	if b.traits, more, err = traitlog.Pending(ctx, l.deps.Pool, below, maxTraits); err != nil {
		return b, err
	}
	if more {
		below = b.traits.UpTo + 1
		cut(batch, b.traits.UpTo)
	}
	if b.claims, more, err = l.claims(ctx, below); err != nil {
		return b, err
	}
	if more {
		b.traits.UpTo = b.claims.Last()
		b.traits.Last = min(b.traits.Last, b.traits.UpTo)
		cut(batch, b.traits.UpTo)
	}
	return b, nil
}

// claims finds the claims of transactions below an id. more says that there are others,
// behind the last of them.
func (l *Loader) claims(ctx context.Context, below uint64) (batch *links.Batch, more bool, err error) {
	logged, more, err := links.Pending(ctx, l.deps.Pool, below, maxClaims)
	if err != nil {
		return nil, false, err
	}
	batch, err = links.NewBatch(ctx, logged, l.deps.Keys.OfIDs)
	return batch, more, err
}

// cut leaves only the rows of transactions up to one.
func cut(batch *outbox.Batch, last uint64) {
	if n := slices.IndexFunc(batch.Rows, func(r outbox.Row) bool { return r.XID > last }); n >= 0 {
		batch.Rows = batch.Rows[:n]
	}
	batch.Drained = false
}

// end is the position behind a batch and what is applied with it.
func (l *Loader) end(batch outbox.Batch, with beside) outbox.Position {
	end := l.position
	if n := len(batch.Rows); n > 0 {
		end = batch.Rows[n-1].Position
	}
	if last := max(with.claims.Last(), with.traits.Last); last > end.XID {
		end.XID, end.Seq = last, 0
	}
	return end
}
