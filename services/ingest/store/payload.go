package store

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/jackc/pgx/v5"

	"eventanalytics/pkg/event"
	"eventanalytics/pkg/outbox"
)

// encode makes the outbox's rows of the uploads' events, except for those left
// out: the events of a project together, in the order of arrival.
func encode(uploads []*upload, leftOut []known) iter.Seq[outbox.NewRow] {
	out := make([][]bool, len(uploads)) // by upload and event
	for _, k := range leftOut {
		if out[k.upload] == nil {
			out[k.upload] = make([]bool, len(uploads[k.upload].batch.Events))
		}
		out[k.upload][k.at] = true
	}
	byProject := make([]int, len(uploads))
	for i := range byProject {
		byProject[i] = i
	}
	slices.SortStableFunc(byProject, func(a, b int) int { return cmp.Compare(uploads[a].project, uploads[b].project) })
	return func(yield func(outbox.NewRow) bool) {
		for rest := byProject; len(rest) > 0; {
			project, n := uploads[rest[0]].project, 0
			for n < len(rest) && uploads[rest[n]].project == project {
				n++
			}
			events := func(yield func(*event.Event) bool) {
				for _, u := range rest[:n] {
					events := uploads[u].batch.Events
					for i := range events {
						if (out[u] == nil || !out[u][i]) && !yield(&events[i]) {
							return
						}
					}
				}
			}
			for row := range outbox.Rows(project, events) {
				if !yield(row) {
					return
				}
			}
			rest = rest[n:]
		}
	}
}

// Rows are sent when there are sendRows of them or sendBytes of payload: few
// messages for many small rows, bounded memory for large ones.
const (
	sendRows  = 256
	sendBytes = 4 << 20
)

// appendAll appends rows and returns the position of each project's last one. It
// fails when they hold a different number of events from what the ledger took:
// truncated rows must not be committed.
func appendAll(ctx context.Context, tx pgx.Tx, rows iter.Seq[outbox.NewRow], events int) (map[int64]outbox.Position, error) {
	last := map[int64]outbox.Position{}
	var pending []outbox.NewRow
	bytes := 0
	send := func() error {
		if len(pending) == 0 {
			return nil
		}
		positions, err := outbox.AppendRows(ctx, tx, pending)
		for project, p := range positions {
			last[project] = p
		}
		pending, bytes = pending[:0], 0
		return err
	}
	for row := range rows {
		events -= row.Events
		pending = append(pending, row)
		if bytes += len(row.Payload); len(pending) == sendRows || bytes >= sendBytes {
			if err := send(); err != nil {
				return nil, err
			}
		}
	}
	if events != 0 {
		return nil, fmt.Errorf("appending to the outbox: %d events of the ledger are missing", events)
	}
	return last, send()
}

// aheadFrom is the number of events from which encoding in another goroutine pays
// off; aheadRows bounds how far it runs ahead.
const (
	aheadFrom = 2_000
	aheadRows = 3
)

// ahead is rows that are being encoded.
type ahead struct {
	rows iter.Seq[outbox.NewRow]
	stop func()
}

func encodeAhead(ctx context.Context, uploads []*upload, repeats []known, events int) ahead {
	rows := encode(uploads, repeats)
	if events < aheadFrom {
		return ahead{rows: rows, stop: func() {}}
	}
	ctx, stop := context.WithCancel(ctx)
	ready := make(chan outbox.NewRow, aheadRows)
	go func() {
		defer close(ready)
		for row := range rows {
			select {
			case ready <- row:
			case <-ctx.Done():
				return
			}
		}
	}()
	return ahead{stop: stop, rows: func(yield func(outbox.NewRow) bool) {
		for row := range ready {
			if !yield(row) {
				return
			}
		}
	}}
}
