package links

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"eventanalytics/pkg/outbox"
)

const loggedColumns = `xid::text::bigint, seq, project_id, kind, from_id, to_id, made_by, made_at`

const pendingSQL = `
SELECT ` + loggedColumns + ` FROM analytics.identity_claims
WHERE incarnation IS NULL AND xid < $1::text::xid8
ORDER BY xid, seq LIMIT $2`

const restSQL = `
SELECT ` + loggedColumns + ` FROM analytics.identity_claims
WHERE incarnation IS NULL AND xid = $1::text::xid8 AND seq > $2
ORDER BY seq`

// Pending reads the claims of transactions below an id that were not applied yet: up to
// most of them and the rest of the last one's transaction. All transactions below must
// have ended. more says that there are others.
func Pending(ctx context.Context, db outbox.Querier, below uint64, most int) (claims []Logged, more bool, err error) {
	if claims, err = readLogged(ctx, db, pendingSQL, strconv.FormatUint(below, 10), most); err != nil || len(claims) < most {
		return claims, false, err
	}
	last := claims[len(claims)-1]
	rest, err := readLogged(ctx, db, restSQL, strconv.FormatUint(last.XID, 10), last.Seq)
	return append(claims, rest...), true, err
}

func readLogged(ctx context.Context, db outbox.Querier, sql string, args ...any) ([]Logged, error) {
	rows, err := db.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("reading claims of identity: %w", err)
	}
	claims, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (l Logged, err error) {
		var xid int64
		err = row.Scan(&xid, &l.Seq, &l.Project, &l.Kind, &l.From, &l.To, &l.MadeBy, &l.MadeAt)
		l.XID = uint64(xid)
		return l, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading claims of identity: %w", err)
	}
	return claims, nil
}

const lastPendingSQL = `
SELECT coalesce((
    SELECT xid::text::bigint FROM analytics.identity_claims
    WHERE incarnation IS NULL ORDER BY xid DESC, seq DESC LIMIT 1), 0)`

// LastPending is the id of the last transaction whose claims were not applied yet, 0 for
// none.
func LastPending(ctx context.Context, db outbox.Querier) (uint64, error) {
	var xid int64
	if err := db.QueryRow(ctx, lastPendingSQL).Scan(&xid); err != nil {
		return 0, fmt.Errorf("finding the last claim of identity: %w", err)
	}
	return uint64(xid), nil
}

const restampSQL = `UPDATE analytics.identity_claims SET xid = pg_current_xact_id() WHERE incarnation IS NULL`

// Restamp gives the claims that were not applied the id of this transaction, in a restored
// database, whose ids begin anew.
func Restamp(ctx context.Context, db outbox.Querier) error {
	if _, err := db.Exec(ctx, restampSQL); err != nil {
		return fmt.Errorf("giving claims of identity a new transaction id: %w", err)
	}
	return nil
}
