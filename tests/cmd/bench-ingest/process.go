package main

import (
	"context"
	"fmt"
	"time"

	"eventanalytics/tests/bench/measure"
)

// cost is what a piece of work took.
type cost struct {
	wall                      time.Duration
	client, service, postgres time.Duration // of CPU
	wal                       int64         // bytes
	checkpoints               int64
}

func (c cost) minus(o cost) cost {
	return cost{
		wall: c.wall - o.wall, client: c.client - o.client, service: c.service - o.service, postgres: c.postgres - o.postgres,
		wal: c.wal - o.wal, checkpoints: c.checkpoints - o.checkpoints,
	}
}

// measure does the work and returns what it cost. This process is the client.
func (b *bench) measure(ctx context.Context, work func() error) (cost, error) {
	before, err := b.spent(ctx)
	if err != nil {
		return cost{}, err
	}
	start := time.Now()
	if err := work(); err != nil {
		return cost{}, err
	}
	wall := time.Since(start)
	after, err := b.spent(ctx)
	if err != nil {
		return cost{}, err
	}
	took := after.minus(before)
	took.wall = wall
	return took, nil
}

// Checkpoints are counted in another view since Postgres 17.
const (
	spentSQL   = `SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint, checkpoints_timed + checkpoints_req FROM pg_stat_bgwriter`
	spentSQL17 = `SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint, num_timed + num_requested FROM pg_stat_checkpointer`
	version17  = 170_000
)

// spent is what the processes have used since they started.
func (b *bench) spent(ctx context.Context) (c cost, err error) {
	sql := spentSQL
	if b.version >= version17 {
		sql = spentSQL17
	}
	if err := b.conn.QueryRow(ctx, sql).Scan(&c.wal, &c.checkpoints); err != nil {
		return c, fmt.Errorf("asking Postgres what it did: %w", err)
	}
	if c.client, err = measure.OwnCPU(); err != nil {
		return c, err
	}
	if c.service, err = measure.CPU(b.service.PID()); err != nil {
		return c, err
	}
	c.postgres, err = measure.FamilyCPU(b.postgres)
	return c, err
}
