package outbox

import (
	"context"
	"errors"
	"fmt"
)

// ErrRestored is returned for a database whose positions refer to another
// cluster's transaction ids: a dump was restored but not activated.
var ErrRestored = errors.New("the database was restored from a dump; run `syncworker restore` with all services stopped")

const identitySQL = "SELECT system_identifier = (pg_control_system()).system_identifier FROM analytics.sync_state"

// CheckIdentity returns ErrRestored for a restored database. No service may use
// one: batches appended to it get ids below the stored position and would count
// as loaded.
func CheckIdentity(ctx context.Context, db Querier) error {
	var same bool
	if err := db.QueryRow(ctx, identitySQL).Scan(&same); err != nil {
		return fmt.Errorf("reading the sync state: %w", err)
	}
	if !same {
		return ErrRestored
	}
	return nil
}
