package load

import (
	"context"

	"eventanalytics/pkg/identity/links"
)

// maxClaims is how many claims of identity are applied at once, to within one transaction.
const maxClaims = 50_000

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
