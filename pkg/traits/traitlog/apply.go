package traitlog

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"

	"eventanalytics/pkg/outbox"
	"eventanalytics/pkg/traits"
)

// Due are the changes of all transactions up to one that were not applied yet.
type Due struct {
	UpTo uint64 // id of the transaction
	Last uint64 // that of the last change, 0 for none
}

// Any says that there are changes.
func (d Due) Any() bool { return d.Last > 0 }

const dueSQL = `
SELECT count(*), coalesce(max(xid), 0) FROM (
    SELECT xid::text::bigint AS xid FROM analytics.trait_changes
    WHERE incarnation IS NULL AND xid < $1::text::xid8 ORDER BY analytics.trait_changes.xid, seq LIMIT $2
) AS pending`

// Pending finds the changes of transactions below an id, all of which must have ended: up
// to most of them and the rest of the last one's transaction. more says that there are
// others.
func Pending(ctx context.Context, db outbox.Querier, below uint64, most int) (due Due, more bool, err error) {
	var n int
	var last int64
	if err := db.QueryRow(ctx, dueSQL, strconv.FormatUint(below, 10), most).Scan(&n, &last); err != nil {
		return due, false, fmt.Errorf("finding changes of properties: %w", err)
	}
	due = Due{UpTo: below - 1, Last: uint64(last)}
	if n < most {
		return due, false, nil
	}
	due.UpTo = due.Last
	return due, true, nil
}

// Applied is what became of changes.
type Applied struct {
	Changed int // changes with an effect
	Same    int // without
	Dropped int // steps beyond a bound
	// Projects are those in which something was changed.
	Projects []int64
}

const pendingSQL = `
SELECT ` + loggedColumns + ` FROM analytics.trait_changes
WHERE incarnation IS NULL AND xid <= $1::text::xid8
ORDER BY xid, seq LIMIT $2`

const loggedColumns = `coalesce(incarnation, 0), xid::text::bigint, seq, project_id, kind, type, id, steps`

// Apply applies changes that are due in a transaction of the only process that does, some
// at a time. incarnation is that of the outbox's positions.
func (d Due) Apply(ctx context.Context, tx outbox.Querier, incarnation int32) (out Applied, err error) {
	projects := map[int64]bool{}
	for d.Any() {
		some, err := readLogged(ctx, tx, pendingSQL, strconv.FormatUint(d.UpTo, 10), atOnce)
		if err != nil {
			return out, err
		}
		if len(some) == 0 {
			break
		}
		for i := range some {
			some[i].at.Incarnation = incarnation
		}
		b := &batch{entries: some, projects: projects}
		if err := b.apply(ctx, tx); err != nil {
			return out, err
		}
		if err := b.mark(ctx, tx, incarnation); err != nil {
			return out, err
		}
		out.Changed, out.Same, out.Dropped = out.Changed+len(b.effective), out.Same+len(b.idle), out.Dropped+b.dropped
	}
	out.Projects = slices.Sorted(maps.Keys(projects))
	return out, nil
}

// logged is a change in the log.
type logged struct {
	at traits.Place
	of subject
	do []traits.Step
}

type subject struct {
	project int64
	traits.Subject
}

func readLogged(ctx context.Context, db outbox.Querier, sql string, args ...any) ([]logged, error) {
	rows, err := db.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("reading changes of properties: %w", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (l logged, err error) {
		var xid int64
		var steps string
		if err := row.Scan(&l.at.Incarnation, &xid, &l.at.Seq, &l.of.project, &l.of.Kind, &l.of.Type, &l.of.ID, &steps); err != nil {
			return l, err
		}
		l.at.XID = uint64(xid)
		l.do, err = traits.Decode(steps)
		return l, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading changes of properties: %w", err)
	}
	return all, nil
}

// batch is changes that are applied at a time.
type batch struct {
	entries         []logged
	of              map[subject]*traits.Properties
	effective, idle []int64 // seq
	dropped         int     // steps
	projects        map[int64]bool
}

func (b *batch) apply(ctx context.Context, tx outbox.Querier) error {
	if err := b.read(ctx, tx); err != nil {
		return err
	}
	for _, e := range b.entries {
		fate := traits.Nothing
		for _, step := range e.do {
			switch b.of[e.of].Apply(step, e.at) {
			case traits.Changed:
				fate = traits.Changed
			case traits.TooLarge:
				b.dropped++
			}
		}
		if fate != traits.Changed {
			b.idle = append(b.idle, e.at.Seq)
			continue
		}
		b.effective = append(b.effective, e.at.Seq)
		b.projects[e.of.project] = true
	}
	return b.write(ctx, tx)
}

const readSQL = `
SELECT t.project_id, t.kind, t.type, t.id, t.name, t.value, t.once, t.incarnation, t.xid, t.seq
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[]) AS s (project_id, kind, type, id)
JOIN analytics.traits AS t USING (project_id, kind, type, id)`

// read reads the properties that the changes are about.
func (b *batch) read(ctx context.Context, tx outbox.Querier) error {
	known := map[subject]map[string]traits.Property{}
	var projects []int64
	var kinds, types, ids []string
	for _, e := range b.entries {
		if known[e.of] == nil {
			known[e.of] = map[string]traits.Property{}
			projects, kinds, types, ids = append(projects, e.of.project), append(kinds, string(e.of.Kind)), append(types, e.of.Type), append(ids, e.of.ID)
		}
	}
	rows, err := tx.Query(ctx, readSQL, projects, kinds, types, ids)
	if err != nil {
		return fmt.Errorf("reading properties: %w", err)
	}
	var s subject
	var name string
	var p traits.Property
	var xid int64
	to := []any{&s.project, &s.Kind, &s.Type, &s.ID, &name, &p.Value, &p.Once, &p.Since.Incarnation, &xid, &p.Since.Seq}
	_, err = pgx.ForEachRow(rows, to, func() error {
		p.Since.XID = uint64(xid)
		known[s][name] = p
		return nil
	})
	if err != nil {
		return fmt.Errorf("reading properties: %w", err)
	}
	b.of = make(map[subject]*traits.Properties, len(known))
	for s, all := range known {
		b.of[s] = traits.NewProperties(all)
	}
	return nil
}

const writeSQL = `
INSERT INTO analytics.traits (project_id, kind, type, id, name, value, once, incarnation, xid, seq)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::boolean[], $8::integer[], $9::bigint[], $10::bigint[])
ON CONFLICT (project_id, kind, type, id, name) DO UPDATE
SET value = excluded.value, once = excluded.once, incarnation = excluded.incarnation, xid = excluded.xid, seq = excluded.seq`

// rowsAtOnce bounds the rows of a statement.
const rowsAtOnce = 5_000

// write writes the properties that were changed.
func (b *batch) write(ctx context.Context, tx outbox.Querier) error {
	rows := &columns{}
	for s, p := range b.of {
		for name := range p.Dirty {
			of, _ := p.Get(name)
			rows.add(s, name, of)
			if len(rows.names) < rowsAtOnce {
				continue
			}
			if err := rows.write(ctx, tx); err != nil {
				return err
			}
			rows = &columns{}
		}
	}
	return rows.write(ctx, tx)
}

// columns of rows that are written.
type columns struct {
	projects                         []int64
	kinds, types, ids, names, values []string
	once                             []bool
	incarnations                     []int32
	xids, seqs                       []int64
}

func (c *columns) add(s subject, name string, p traits.Property) {
	c.projects, c.kinds, c.types, c.ids = append(c.projects, s.project), append(c.kinds, string(s.Kind)), append(c.types, s.Type), append(c.ids, s.ID)
	c.names, c.values, c.once = append(c.names, name), append(c.values, p.Value), append(c.once, p.Once)
	c.incarnations, c.xids, c.seqs = append(c.incarnations, p.Since.Incarnation), append(c.xids, int64(p.Since.XID)), append(c.seqs, p.Since.Seq)
}

func (c *columns) write(ctx context.Context, tx outbox.Querier) error {
	if len(c.names) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, writeSQL, c.projects, c.kinds, c.types, c.ids, c.names, c.values, c.once, c.incarnations, c.xids, c.seqs)
	if err != nil {
		return fmt.Errorf("writing properties: %w", err)
	}
	return nil
}

const (
	appliedSQL = `UPDATE analytics.trait_changes SET incarnation = $2 WHERE seq = ANY ($1::bigint[])`
	leaveSQL   = `DELETE FROM analytics.trait_changes WHERE seq = ANY ($1::bigint[])`
)

// mark notes which changes were applied. Those without an effect leave the log: the others
// make the same without them, and SDKs say the same again with each event.
func (b *batch) mark(ctx context.Context, tx outbox.Querier, incarnation int32) error {
	if _, err := tx.Exec(ctx, appliedSQL, b.effective, incarnation); err != nil {
		return fmt.Errorf("marking changes of properties as applied: %w", err)
	}
	if _, err := tx.Exec(ctx, leaveSQL, b.idle); err != nil {
		return fmt.Errorf("leaving out changes of properties: %w", err)
	}
	return nil
}
