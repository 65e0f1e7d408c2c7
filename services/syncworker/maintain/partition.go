package maintain

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/zap"

	"eventanalytics/pkg/platform/failpoint"
	"eventanalytics/pkg/warehouse/manifest"
)

// Partitions are the days of the outbox.
type Partitions struct {
	retention time.Duration
	pool      *pgxpool.Pool
	log       *zap.Logger
}

// Outbox tables of days that ended the retention ago, attached or not. A crash
// between detaching and dropping leaves one that is not.
const oldPartitionsSQL = `
SELECT c.relname, i.inhrelid IS NOT NULL, coalesce(i.inhdetachpending, false)
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace AND n.nspname = 'analytics'
LEFT JOIN pg_catalog.pg_inherits AS i ON i.inhrelid = c.oid
WHERE c.relkind = 'r' AND c.relname ~ '^outbox_[0-9]{8}$'
  AND to_date(right(c.relname, 8), 'YYYYMMDD') + 1 <= ((clock_timestamp() - $1::interval) AT TIME ZONE 'UTC')::date
ORDER BY c.relname`

type partition struct {
	name              string
	attached, pending bool // pending: a detachment was interrupted
}

func (p partition) table() pgx.Identifier { return pgx.Identifier{"analytics", p.name} }

// Drop drops the days of the outbox that are past the retention and wholly behind
// the position.
func (o *Partitions) Drop(ctx context.Context) error {
	rows, err := o.pool.Query(ctx, oldPartitionsSQL, o.retention)
	if err != nil {
		return fmt.Errorf("listing outbox partitions: %w", err)
	}
	old, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p partition, err error) {
		return p, row.Scan(&p.name, &p.attached, &p.pending)
	})
	if err != nil {
		return fmt.Errorf("listing outbox partitions: %w", err)
	}
	for _, p := range old {
		if err := o.drop(ctx, p); err != nil {
			return fmt.Errorf("dropping outbox partition %s: %w", p.name, err)
		}
	}
	return nil
}

// drop detaches a day without blocking ingest, checks again that no row is ahead of
// the position, and drops it.
func (o *Partitions) drop(ctx context.Context, p partition) error {
	if unread, err := manifest.Unread(ctx, o.pool, p.table()); unread || err != nil {
		return err
	}
	if p.attached {
		how := "CONCURRENTLY"
		if p.pending {
			how = "FINALIZE"
		}
		if _, err := o.pool.Exec(ctx, "ALTER TABLE analytics.outbox DETACH PARTITION "+p.table().Sanitize()+" "+how); err != nil {
			return fmt.Errorf("detaching: %w", err)
		}
	}
	if err := failpoint.Hit(failpoint.PartitionDetached); err != nil {
		return err
	}
	unread, err := manifest.Unread(ctx, o.pool, p.table())
	if err != nil {
		return err
	}
	if unread {
		return errors.Join(errors.New("unread rows appeared while it was detached"), o.attach(ctx, p))
	}
	if _, err := o.pool.Exec(ctx, "DROP TABLE "+p.table().Sanitize()); err != nil {
		return err
	}
	o.log.Info("dropped an outbox partition", zap.String("partition", p.name))
	return nil
}

func (o *Partitions) attach(ctx context.Context, p partition) error {
	day, err := time.Parse("outbox_20060102", p.name)
	if err != nil {
		return err
	}
	_, err = o.pool.Exec(ctx, "ALTER TABLE analytics.outbox ATTACH PARTITION "+p.table().Sanitize()+
		" FOR VALUES FROM ('"+day.Format(time.DateOnly)+"') TO ('"+day.AddDate(0, 0, 1).Format(time.DateOnly)+"')")
	if err != nil {
		return fmt.Errorf("attaching again: %w", err)
	}
	return nil
}
