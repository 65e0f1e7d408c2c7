package load

import (
	"context"
	"slices"

	"eventanalytics/pkg/identity/links"
	"eventanalytics/pkg/outbox"
)

// maxClaims is how many claims of identity are applied at once, to within one transaction.
const maxClaims = 50_000

// claims finds the claims of all transactions that a batch has loaded when it is. They
// count from before the first row of their transaction on, so that those of the last one,
// of which the batch may have a part, are among them. When there are too many, the batch
// is cut behind the last of them.
func (l *Loader) claims(ctx context.Context, batch *outbox.Batch) (*links.Batch, error) {
	below := batch.XMin
	if !batch.Drained {
		below = batch.Rows[len(batch.Rows)-1].XID + 1
	}
	logged, more, err := links.Pending(ctx, l.deps.Pool, below, maxClaims)
	if err != nil {
		return nil, err
	}
	if more {
		last := logged[len(logged)-1].XID
		n := slices.IndexFunc(batch.Rows, func(r outbox.Row) bool { return r.XID > last })
		if n >= 0 {
			batch.Rows = batch.Rows[:n]
		}
		batch.Drained = false
	}
	return links.NewBatch(ctx, logged, l.deps.Keys.OfIDs)
}

// end is the position behind a batch and claims.
func (l *Loader) end(batch outbox.Batch, claims *links.Batch) outbox.Position {
	end := l.position
	if n := len(batch.Rows); n > 0 {
		end = batch.Rows[n-1].Position
	}
	if claims.Last() > end.XID {
		end.XID, end.Seq = claims.Last(), 0
	}
	return end
}
