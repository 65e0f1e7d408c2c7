package maintain

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"eventanalytics/pkg/platform/failpoint"
	"eventanalytics/pkg/warehouse/manifest"
	"eventanalytics/pkg/warehouse/segment"
	"eventanalytics/services/syncworker/lease"
)

// endTimeout bounds how long a rewrite that failed takes to say so.
const endTimeout = 5 * time.Second

// rewrite swaps the segments that write makes of in for these, in one transaction. It
// notes before that it has begun: when the process dies of it, the next one passes
// these segments over, where it would die of them again.
func rewrite(ctx context.Context, pool *pgxpool.Pool, term *lease.Term, in []segment.Segment, write func() ([]segment.Segment, error)) error {
	return noted(ctx, pool, term, in, func(note int64) error {
		out, err := write()
		if err != nil {
			return err
		}
		return replace(ctx, term, in, out, note)
	})
}

// noted notes that in is about to be rewritten. The transaction that ends do removes the
// note.
func noted(ctx context.Context, pool *pgxpool.Pool, term *lease.Term, in []segment.Segment, do func(note int64) error) error {
	note, err := term.BeginRewrite(ctx, in)
	if err != nil {
		return err
	}
	if err := do(note); err != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
		defer cancel()
		return errors.Join(err, manifest.EndRewrite(ctx, pool, note))
	}
	return nil
}

// replace swaps rewritten segments in for those they were made of, in one
// transaction.
func replace(ctx context.Context, term *lease.Term, in, out []segment.Segment, note int64) error {
	err := term.Commit(ctx, func(tx *manifest.Tx) error {
		if err := tx.Replace(ctx, in, out); err != nil {
			return err
		}
		if err := tx.EndRewrite(ctx, note); err != nil {
			return err
		}
		return failpoint.Hit(failpoint.CompactInSwap)
	})
	if err != nil {
		return fmt.Errorf("replacing segments: %w", err)
	}
	return nil
}
