package syncworker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"

	"eventanalytics/pkg/platform/failpoint"
)

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

// table is the quoted name.
func (p partition) table() string { return pgx.Identifier{"analytics", p.name}.Sanitize() }

// dropPartitions drops the days of the outbox that are past the retention and
// wholly behind the position.
func (t *term) dropPartitions(ctx context.Context) error {
	rows, err := t.pool.Query(ctx, oldPartitionsSQL, t.cfg.OutboxRetention)
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
		if err := t.dropPartition(ctx, p); err != nil {
			return fmt.Errorf("dropping outbox partition %s: %w", p.name, err)
		}
	}
	return nil
}

// dropPartition detaches a day without blocking ingest, looks again that no row
// is ahead of the position, and drops it.
func (t *term) dropPartition(ctx context.Context, p partition) error {
	if unread, err := t.unread(ctx, p); unread || err != nil {
		return err
	}
	if p.attached {
		how := "CONCURRENTLY"
		if p.pending {
			how = "FINALIZE"
		}
		if _, err := t.pool.Exec(ctx, "ALTER TABLE analytics.outbox DETACH PARTITION "+p.table()+" "+how); err != nil {
			return fmt.Errorf("detaching: %w", err)
		}
	}
	if err := failpoint.Hit(failpoint.PartitionDetached); err != nil {
		return err
	}
	unread, err := t.unread(ctx, p)
	if err != nil {
		return err
	}
	if unread {
		return errors.Join(errors.New("unread rows appeared while it was detached"), t.attach(ctx, p))
	}
	if _, err := t.pool.Exec(ctx, "DROP TABLE "+p.table()); err != nil {
		return err
	}
	t.log.Info("dropped an outbox partition", zap.String("partition", p.name))
	return nil
}

// unread says whether a partition has rows ahead of the stored position.
func (t *term) unread(ctx context.Context, p partition) (unread bool, err error) {
	err = t.pool.QueryRow(ctx, "SELECT EXISTS (SELECT FROM "+p.table()+" AS o, analytics.sync_state AS s WHERE (o.xid, o.seq) > (s.xid, s.seq))").Scan(&unread)
	if err != nil {
		return false, fmt.Errorf("looking for unread rows: %w", err)
	}
	return unread, nil
}

func (t *term) attach(ctx context.Context, p partition) error {
	day, err := time.Parse("outbox_20060102", p.name)
	if err != nil {
		return err
	}
	_, err = t.pool.Exec(ctx, "ALTER TABLE analytics.outbox ATTACH PARTITION "+p.table()+
		" FOR VALUES FROM ('"+day.Format(time.DateOnly)+"') TO ('"+day.AddDate(0, 0, 1).Format(time.DateOnly)+"')")
	if err != nil {
		return fmt.Errorf("attaching again: %w", err)
	}
	return nil
}
