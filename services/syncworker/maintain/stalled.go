package maintain

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/zap"
)

// Uploads are the transactions of ingest.
type Uploads struct {
	pool *pgxpool.Pool
	log  *zap.Logger
}

// uploadLimit is statement_timeout once more, see EndStalled.
const uploadLimit = time.Minute

// Postgres cannot cancel a COPY that waits for its client, only end its session.
const endStalledSQL = `
SELECT count(*) FILTER (WHERE pg_terminate_backend(pid))
FROM pg_catalog.pg_stat_activity
WHERE datname = current_database() AND usename = current_user AND application_name LIKE 'analytics-%'
  AND state = 'active' AND wait_event = 'ClientRead' AND query_start < clock_timestamp() - $1::interval`

// EndStalled ends uploads whose process has been frozen in the middle of a COPY for
// longer than after: no time limit of the session reaches them, and their open
// transaction would keep everything that comes later from being loaded. What they
// had sent is rolled back.
func (u *Uploads) EndStalled(ctx context.Context, after time.Duration) error {
	var ended int
	if err := u.pool.QueryRow(ctx, endStalledSQL, after).Scan(&ended); err != nil {
		return fmt.Errorf("ending stalled uploads: %w", err)
	}
	if ended > 0 {
		u.log.Warn("ended uploads of a process that is frozen", zap.Int("sessions", ended))
	}
	return nil
}
