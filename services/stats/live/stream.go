package live

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/outbox"
)

const (
	// resumeFor is how old the last event of a stream may be that is resumed: all rows
	// behind it are looked through, those of other projects too.
	resumeFor   = time.Hour
	readTimeout = 10 * time.Second
)

// Stream reads a project's events. It is for one goroutine.
type Stream struct {
	feed    *Feed
	project int64
	own     *projectFeed
	caller  string
}

// Of a cursor behind no event, the first row of all tells its age: there may have been
// others before it, which were dropped.
const sinceSQL = `
SELECT now() - coalesce(
    (SELECT created_at FROM analytics.outbox WHERE xid = $1::text::xid8 AND seq = $2 LIMIT 1),
    CASE WHEN $1 = '0' THEN coalesce((SELECT created_at FROM analytics.outbox ORDER BY xid, seq LIMIT 1), now()) END
) < $3::interval`

// CanResume says whether all events behind a cursor are still there, and few enough to be
// looked through.
func (s *Stream) CanResume(ctx context.Context, c Cursor) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var can *bool
	err := s.feed.pool.QueryRow(ctx, sinceSQL, strconv.FormatUint(c.Position.XID, 10), c.Position.Seq, resumeFor).Scan(&can)
	if err != nil {
		return false, fmt.Errorf("looking for the last event of a stream: %w", err)
	}
	return can != nil && *can, nil
}

// Row are the events of a row of the outbox, of which the first Sent were sent before.
type Row struct {
	Position outbox.Position
	Events   []event.Event
	Sent     int
}

const rowSQL = `
SELECT xid::text::bigint, seq, payload
FROM analytics.outbox
WHERE project_id = $1 AND (xid, seq) > ($2::text::xid8, $3::bigint) AND (xid, seq) <= ($4::text::xid8, $5::bigint)
ORDER BY xid, seq
LIMIT 1`

// Row calls use with the next row behind a cursor, if there is one up to a position that
// the warehouse has: no row can appear before that any more. It waits for its turn, and
// keeps others waiting as long as use takes.
func (s *Stream) Row(ctx context.Context, behind Cursor, until outbox.Position, use func(Row) error) (found bool, err error) {
	for _, turn := range []chan struct{}{s.own.rows, s.feed.rows} {
		select {
		case turn <- struct{}{}:
			defer func() { <-turn }()
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
	row, err := s.read(ctx, behind, until)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading the next row of a stream: %w", err)
	}
	return true, use(row)
}

func (s *Stream) read(ctx context.Context, behind Cursor, until outbox.Position) (row Row, err error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	after := behind.Position.Seq
	if behind.Sent > 0 {
		after-- // the row is read again
	}
	var xid int64
	var payload string
	err = s.feed.pool.QueryRow(ctx, rowSQL, s.project, strconv.FormatUint(behind.Position.XID, 10), after,
		strconv.FormatUint(until.XID, 10), until.Seq).Scan(&xid, &row.Position.Seq, &payload)
	if err != nil {
		return row, err //nolint:wrapcheck // its caller does
	}
	row.Position.Incarnation, row.Position.XID = until.Incarnation, uint64(xid)
	if behind.Sent > 0 && row.Position == behind.Position {
		row.Sent = behind.Sent
	}
	row.Events, err = outbox.Decode(payload)
	return row, err
}
