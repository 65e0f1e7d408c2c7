package outbox

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// DumpedEvent is an event as Dump writes it.
type DumpedEvent struct {
	XID        uint64          `json:"xid"`
	Seq        int64           `json:"seq"`
	CreatedAt  time.Time       `json:"created_at"`
	ProjectID  int64           `json:"project_id"`
	EventID    uuid.UUID       `json:"event_id"`
	OccurredAt time.Time       `json:"occurred_at"`
	UserID     string          `json:"user_id"`
	EventType  string          `json:"event_type"`
	Properties json.RawMessage `json:"properties"`
}

const dumpSQL = `
SELECT xid::text, seq, created_at, project_id, payload FROM analytics.outbox
WHERE $1 = 0 OR project_id = $1
ORDER BY xid, seq`

// Dump writes the events of the outbox, loaded or not, as NDJSON in the order in
// which the worker reads them: those of one project, or of all if project is 0.
func Dump(ctx context.Context, db Querier, project int64, w io.Writer) error {
	rows, err := db.Query(ctx, dumpSQL, project)
	if err != nil {
		return fmt.Errorf("reading the outbox: %w", err)
	}
	out := bufio.NewWriter(w)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	var line DumpedEvent
	var xid, payload string
	_, err = pgx.ForEachRow(rows, []any{&xid, &line.Seq, &line.CreatedAt, &line.ProjectID, &payload}, func() error {
		if line.XID, err = strconv.ParseUint(xid, 10, 64); err != nil {
			return err
		}
		line.CreatedAt = line.CreatedAt.UTC()
		events, err := Decode(payload)
		if err != nil {
			return fmt.Errorf("row %d: %w", line.Seq, err)
		}
		for _, e := range events {
			line.EventID, line.OccurredAt, line.UserID, line.EventType = e.ID, e.Time(), e.UserID, e.Type
			if line.Properties = nil; e.Properties != "" {
				line.Properties = json.RawMessage(e.Properties)
			}
			if err := enc.Encode(line); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("dumping the outbox: %w", err)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("dumping the outbox: %w", err)
	}
	return nil
}
