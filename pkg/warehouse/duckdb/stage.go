package duckdb

import (
	"context"
	"database/sql"
	sqldriver "database/sql/driver"
	"errors"
	"fmt"
	"strconv"
	"time"

	driver "github.com/duckdb/duckdb-go/v2"

	"eventanalytics/pkg/decimal"
	"eventanalytics/pkg/event"
	"eventanalytics/pkg/property"
	"eventanalytics/pkg/warehouse/segment"
)

// stage puts a project's events into the table staged, with columns for some of their
// properties, and returns the names of these, which are sorted. drop removes it: the
// events must not stay in memory until the connection is used again.
func stage(ctx context.Context, conn *sql.Conn, project int64, events []event.Event, keys []uint32, columns []chosen) (names []string, drop func(), err error) {
	text := `CREATE OR REPLACE TEMP TABLE staged (
		project_id  BIGINT NOT NULL,
		event_id    UUID NOT NULL,
		occurred_at TIMESTAMPTZ NOT NULL,
		user_id     VARCHAR NOT NULL,
		user_key    INTEGER NOT NULL,
		event_type  VARCHAR NOT NULL,
		properties  VARCHAR`
	names = []string{}
	for _, c := range columns {
		names = append(names, c.name())
		text += ", " + identifier(c.name()) + " " + map[string]string{Text: "VARCHAR", Integer: "BIGINT", Number: "DOUBLE"}[c.kind]
	}
	if _, err := conn.ExecContext(ctx, text+")"); err != nil {
		return nil, nil, fmt.Errorf("making the staging table: %w", err)
	}
	drop = func() {
		if ctx.Err() == nil { // or release closes the connection, and the table goes with it
			_, _ = conn.ExecContext(ctx, "DROP TABLE IF EXISTS staged") // replaced next time
		}
	}
	err = conn.Raw(func(driverConn any) error { return appendAll(ctx, driverConn, project, events, keys, columns) })
	if err != nil {
		drop()
		return nil, nil, classify(ctx, fmt.Errorf("staging events: %w", err))
	}
	return names, drop, nil
}

// appendAll appends events to the table staged.
func appendAll(ctx context.Context, driverConn any, project int64, events []event.Event, keys []uint32, columns []chosen) (err error) {
	appender, err := driver.NewAppender(driverConn.(*driver.Conn), "temp", "main", "staged")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, appender.CloseWithCancel(ctx)) }()
	const fixed = 7
	row := make([]sqldriver.Value, fixed+len(columns))
	places := map[string]int{}
	for i, c := range columns {
		places[c.key] = fixed + i
	}
	for i, e := range events {
		clear(row)
		row[0], row[1], row[2], row[3], row[4], row[5] = project, driver.UUID(e.ID), e.Time(), e.UserID, int32(keys[i]), e.Type
		if e.Properties != "" {
			row[6] = e.Properties
		}
		if len(columns) > 0 {
			for key, value := range property.Members(e.Properties) {
				if at, ok := places[key]; ok && row[at] == nil { // of a key that comes twice, the first counts
					row[at] = columns[at-fixed].value(value)
				}
			}
		}
		if err := appender.AppendRow(row...); err != nil {
			return err
		}
	}
	return nil
}

// value is what a column of the kind has for a value.
func (c chosen) value(v property.Value) sqldriver.Value {
	switch c.kind {
	case Integer:
		n, _ := strconv.ParseInt(v.JSON(), 10, 64) // it was looked at
		return n
	case Number:
		n, _ := decimal.Parse(v.JSON())
		return n.Float() + 0 // no -0, which bloom filters tell from 0
	}
	return v.Text()
}

// checkAll returns what a segment has of events: their number, size and time.
func checkAll(project int64, events []event.Event) (segment.Segment, error) {
	s := segment.Segment{ProjectID: project, Events: int64(len(events))}
	first, last := events[0].OccurredAt, events[0].OccurredAt
	for i, e := range events {
		if err := segment.Check(e); err != nil {
			return segment.Segment{}, err
		}
		s.RawBytes += segment.RawBytesOf(&events[i])
		first, last = min(first, e.OccurredAt), max(last, e.OccurredAt)
	}
	s.MinAt, s.MaxAt = time.UnixMicro(first).UTC(), time.UnixMicro(last).UTC()
	return s, nil
}
