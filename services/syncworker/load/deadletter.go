package load

import (
	"context"
	"fmt"
	"strconv"

	"eventanalytics/pkg/outbox"
)

// deadLetter is what could not be loaded: lines of an outbox row.
type deadLetter struct {
	row     *outbox.Row
	reason  string
	payload string
}

const deadLettersSQL = `
INSERT INTO analytics.dead_letters (xid, seq, project_id, reason, payload)
SELECT xid::xid8, seq, project_id, reason, payload
FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::text[]) AS d (xid, seq, project_id, reason, payload)`

func insertDeadLetters(ctx context.Context, db outbox.Querier, dead []deadLetter) error {
	n := len(dead)
	if n == 0 {
		return nil
	}
	xids, seqs, projects, reasons, payloads := make([]string, n), make([]int64, n), make([]int64, n), make([]string, n), make([]string, n)
	for i, d := range dead {
		xids[i], seqs[i] = strconv.FormatUint(d.row.XID, 10), d.row.Seq
		projects[i], reasons[i], payloads[i] = d.row.ProjectID, d.reason, d.payload
	}
	if _, err := db.Exec(ctx, deadLettersSQL, xids, seqs, projects, reasons, payloads); err != nil {
		return fmt.Errorf("keeping dead letters: %w", err)
	}
	return nil
}
