package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"eventanalytics/pkg/client"
	"eventanalytics/tests/bench/loadgen"
	"eventanalytics/tests/bench/measure"
)

// upload is one way to write Events events to Postgres.
type upload struct {
	name string
	once func(context.Context) (cost, error)

	costs []cost
	peaks []uint64 // of the service's memory, in bytes
}

const copyAsSent = "COPY, as sent (a)"

func (b *bench) copies(name string, order func([]loadgen.Sent) []loadgen.Sent) *upload {
	return &upload{name: name, once: func(ctx context.Context) (cost, error) {
		events := b.stream.Append(nil, b.Events)
		if order != nil {
			events = order(events)
		}
		return b.copyOnce(ctx, b.encode(events))
	}}
}

// posts returns an upload through the service with an evenly spread share of known
// events.
func (b *bench) posts(known []loadgen.Sent, share float64) *upload {
	return &upload{name: fmt.Sprintf("one POST, %.0f %% duplicates", 100*share), once: func(ctx context.Context) (cost, error) {
		events := b.stream.Append(nil, b.Events)
		duplicates := 0
		for i := range events {
			if int(float64(i+1)*share) > duplicates {
				events[i] = known[i]
				duplicates++
			}
		}
		return b.postOnce(ctx, events, duplicates)
	}}
}

// postOnce sends the events in one request, whose body is prepared beforehand.
func (b *bench) postOnce(ctx context.Context, events []loadgen.Sent, duplicates int) (cost, error) {
	c, err := client.New(b.posting(1))
	if err != nil {
		return cost{}, err
	}
	defer c.Close()
	body := b.pool.Append(nil, events)
	return b.measure(ctx, func() error {
		r, err := c.PostEvents(ctx, client.Upload{Body: body})
		if err != nil {
			return fmt.Errorf("posting %d events: %w", len(events), err)
		}
		if r.Duplicates != duplicates || r.Accepted != len(events)-duplicates {
			return fmt.Errorf("posting %d events, %d of them known: %+v", len(events), duplicates, *r)
		}
		return nil
	})
}

// uploads compares one POST with COPY of the same number of rows.
func uploads(ctx context.Context, b *bench) error {
	if err := b.empty(ctx); err != nil {
		return err
	}
	known := b.stream.Append(nil, b.Events)
	if _, err := b.postOnce(ctx, known, 0); err != nil {
		return err
	}
	return b.compare(ctx, "ingest-upload", fmt.Sprintf("Upload of %d events", b.Events), []*upload{
		b.copies(copyAsSent, nil),
		b.posts(known, 0),
		b.copies("COPY, sorted by id", sortedByID),
		b.posts(known, 0.1),
		b.posts(known, 1),
	})
}

// compare runs the uploads in turns, each round starting with a different one, so that
// other load on the machine affects all of them. The first must be COPY. The chart of
// them is named file.
func (b *bench) compare(ctx context.Context, file, title string, all []*upload) error {
	for round := range b.Rounds {
		progress("%s, round %d of %d", title, round+1, b.Rounds)
		for i := range all {
			u := all[(round+i)%len(all)]
			if err := measure.ForgetPeak(b.service.PID()); err != nil {
				return err
			}
			c, err := u.once(ctx)
			if err != nil {
				return fmt.Errorf("%s: %w", u.name, err)
			}
			_, peak, err := measure.Memory(b.service.PID())
			if err != nil {
				return err
			}
			u.costs, u.peaks = append(u.costs, c), append(u.peaks, peak)
		}
	}
	b.setCopyRate(all[0].wall())
	b.printUploads(title, all)
	return b.drawUploads(file, title, all)
}

func (b *bench) printUploads(title string, all []*upload) {
	limit := all[0].wall()
	measure.Heading(title, "", "ms", "events/s", "÷ (a)", "min–max ms", "CPU s per million events: client", "service", "Postgres",
		"WAL bytes per event", "checkpoints", "peak RSS of the service, MB")
	for _, u := range all {
		wall := u.wall()
		perMillion := func(of func(cost) time.Duration) string {
			return fmt.Sprintf("%.2f", measure.Per(u.median(of), int64(b.Events), 1e6).Seconds())
		}
		var wals []int64
		var walls []time.Duration
		var checkpoints int64
		for _, c := range u.costs {
			wals, walls, checkpoints = append(wals, c.wal), append(walls, c.wall), checkpoints+c.checkpoints
		}
		service, peak := perMillion(func(c cost) time.Duration { return c.service }), measure.Megabytes(slices.Max(u.peaks))
		if u.copied() {
			service, peak = "–", "–"
		}
		measure.Row(u.name, measure.Milliseconds(wall), fmt.Sprintf("%.0f", u.rate(b.Events)),
			fmt.Sprintf("%.2f", wall.Seconds()/limit.Seconds()),
			measure.Milliseconds(slices.Min(walls))+"–"+measure.Milliseconds(slices.Max(walls)),
			perMillion(func(c cost) time.Duration { return c.client }), service,
			perMillion(func(c cost) time.Duration { return c.postgres }),
			fmt.Sprint(measure.Median(wals)/int64(b.Events)), fmt.Sprint(checkpoints), peak)
	}
}

// wall is the median time.
func (u *upload) wall() time.Duration { return u.median(func(c cost) time.Duration { return c.wall }) }

// rate is events per second.
func (u *upload) rate(events int) float64 { return float64(events) / u.wall().Seconds() }

func (u *upload) copied() bool { return u.name[:4] == "COPY" }

func (u *upload) median(of func(cost) time.Duration) time.Duration {
	all := make([]time.Duration, len(u.costs))
	for i, c := range u.costs {
		all[i] = of(c)
	}
	return measure.Median(all)
}
