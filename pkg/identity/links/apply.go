package links

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"eventanalytics/pkg/identity"
	"eventanalytics/pkg/outbox"
)

// KeysOf gives the users with these ids, sorted and distinct, their keys, in order.
type KeysOf func(ctx context.Context, project int64, ids []string) ([]uint32, error)

// Batch is pending claims with the keys of the users they may link.
type Batch struct {
	claims []Logged
	keys   map[int64]map[string]uint32 // by project
}

// NewBatch prepares claims, in the order of the log, for being applied. Keys are given to
// users before the transaction that applies them, and stay.
func NewBatch(ctx context.Context, claims []Logged, keysOf KeysOf) (*Batch, error) {
	b := &Batch{claims: claims, keys: map[int64]map[string]uint32{}}
	ids := map[int64]map[string]bool{}
	for _, c := range claims {
		if c.Kind != identity.Link && c.Kind != identity.Merge || identity.IsJunk(c.From) || identity.IsJunk(c.To) {
			continue
		}
		if ids[c.Project] == nil {
			ids[c.Project] = map[string]bool{}
		}
		ids[c.Project][c.From], ids[c.Project][c.To] = true, true
	}
	for project, of := range ids {
		sorted := slices.Sorted(maps.Keys(of))
		keys, err := keysOf(ctx, project, sorted)
		if err != nil {
			return nil, err
		}
		b.keys[project] = make(map[string]uint32, len(sorted))
		for i, id := range sorted {
			b.keys[project][id] = keys[i]
		}
	}
	return b, nil
}

// Len is the number of claims.
func (b *Batch) Len() int { return len(b.claims) }

// Last is the id of the transaction of the last claim, 0 without claims.
func (b *Batch) Last() uint64 {
	if len(b.claims) == 0 {
		return 0
	}
	return b.claims[len(b.claims)-1].XID
}

// Applied is what became of a batch.
type Applied struct {
	Linked, Unlinked, Refused int
	// Projects are those whose links changed.
	Projects []int64
}

// Apply applies the claims in a transaction of the only process that does. incarnation is
// that of the outbox's positions.
func (b *Batch) Apply(ctx context.Context, tx outbox.Querier, incarnation int32) (out Applied, err error) {
	if len(b.claims) == 0 {
		return out, nil
	}
	by := map[int64][]Logged{}
	for _, c := range b.claims {
		by[c.Project] = append(by[c.Project], c)
	}
	for _, project := range slices.Sorted(maps.Keys(by)) {
		p := &applier{project: project, incarnation: incarnation, keys: b.keys[project]}
		if err := p.apply(ctx, tx, by[project]); err != nil {
			return out, fmt.Errorf("linking ids of project %d: %w", project, err)
		}
		out.Linked += len(p.linked)
		out.Unlinked += p.unlinked
		out.Refused += p.refused
		if p.unlinked+len(p.linked) > 0 {
			out.Projects = append(out.Projects, project)
		}
	}
	return out, markApplied(ctx, tx, b.claims, incarnation)
}

// applier applies the claims of one project.
type applier struct {
	project     int64
	incarnation int32
	keys        map[string]uint32

	forest            *identity.Forest
	changed           map[string]bool // ids
	rows              []linkRow
	linked            map[string]int // index in rows of links made here, by from
	unlinked, refused int
	last              uint64 // transaction id of the last change
}

type linkRow struct {
	Logged
	refused identity.Reason
	ended   uint64 // transaction id of its end, 0 for none
}

func (p *applier) apply(ctx context.Context, tx outbox.Querier, claims []Logged) error {
	if err := p.read(ctx, tx, claims); err != nil {
		return err
	}
	p.changed, p.linked = map[string]bool{}, map[string]int{}
	for _, c := range claims {
		done := p.forest.Apply(c.Claim.Claim)
		if done.Changed {
			p.changed[c.From] = true
		}
		switch {
		case done.Refused != "":
			p.refused++
			p.rows = append(p.rows, linkRow{Logged: c, refused: done.Refused})
		case done.Linked:
			p.last = c.XID
			p.linked[c.From] = len(p.rows)
			p.rows = append(p.rows, linkRow{Logged: c})
		case done.Unlinked:
			p.last = c.XID
			p.unlinked++
			if at, here := p.linked[c.From]; here {
				p.rows[at].ended = c.XID
				delete(p.linked, c.From)
			} else if err := p.end(ctx, tx, c); err != nil {
				return err
			}
		}
	}
	if err := p.writeIDs(ctx, tx); err != nil {
		return err
	}
	if err := p.writeLinks(ctx, tx); err != nil {
		return err
	}
	if p.last == 0 {
		return nil
	}
	if _, err := tx.Exec(ctx, projectSQL, p.project, p.forest.Links, p.incarnation, int64(p.last)); err != nil {
		return fmt.Errorf("counting links: %w", err)
	}
	return nil
}

// What is known of ids, and of all that they are linked to.
const readSQL = `
WITH RECURSIVE known AS (
    SELECT i.* FROM analytics.identity_ids AS i WHERE i.project_id = $1 AND i.id = ANY ($2::text[])
    UNION
    SELECT i.* FROM known JOIN analytics.identity_ids AS i ON i.project_id = $1 AND i.id = known.to_id
)
SELECT id, known, tied, to_id FROM known`

const countSQL = `SELECT coalesce((SELECT links FROM analytics.identity_projects WHERE project_id = $1), 0)`

func (p *applier) read(ctx context.Context, tx outbox.Querier, claims []Logged) error {
	about := map[string]bool{}
	for _, c := range claims {
		about[c.From] = true
		if c.To != "" {
			about[c.To] = true
		}
	}
	rows, err := tx.Query(ctx, readSQL, p.project, slices.Sorted(maps.Keys(about)))
	if err != nil {
		return fmt.Errorf("reading what is known of ids: %w", err)
	}
	ids := map[string]identity.ID{}
	var id string
	var of identity.ID
	if _, err := pgx.ForEachRow(rows, []any{&id, &of.Known, &of.Tied, &of.To}, func() error { ids[id] = of; return nil }); err != nil {
		return fmt.Errorf("reading what is known of ids: %w", err)
	}
	p.forest = identity.NewForest(ids)
	p.forest.MaxLinks = MaxLinks
	if err := tx.QueryRow(ctx, countSQL, p.project).Scan(&p.forest.Links); err != nil {
		return fmt.Errorf("counting links: %w", err)
	}
	return nil
}

const endSQL = `
UPDATE analytics.identity_links SET end_incarnation = $4, end_xid = $5
WHERE project_id = $1 AND from_id = $2 AND to_id = $3 AND refused = '' AND end_xid IS NULL`

func (p *applier) end(ctx context.Context, tx outbox.Querier, c Logged) error {
	if _, err := tx.Exec(ctx, endSQL, p.project, c.From, c.To, p.incarnation, int64(c.XID)); err != nil {
		return fmt.Errorf("taking a link back: %w", err)
	}
	return nil
}

const writeIDsSQL = `
INSERT INTO analytics.identity_ids (project_id, id, known, tied, to_id)
SELECT $1, * FROM unnest($2::text[], $3::boolean[], $4::boolean[], $5::text[])
ON CONFLICT (project_id, id) DO UPDATE SET known = excluded.known, tied = excluded.tied, to_id = excluded.to_id`

func (p *applier) writeIDs(ctx context.Context, tx outbox.Querier) error {
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(p.changed)), atOnce) {
		known, tied, to := make([]bool, len(ids)), make([]bool, len(ids)), make([]string, len(ids))
		for i, id := range ids {
			of := p.forest.Get(id)
			known[i], tied[i], to[i] = of.Known, of.Tied, of.To
		}
		if _, err := tx.Exec(ctx, writeIDsSQL, p.project, ids, known, tied, to); err != nil {
			return fmt.Errorf("writing what is known of ids: %w", err)
		}
	}
	return nil
}

const writeLinksSQL = `
INSERT INTO analytics.identity_links (project_id, incarnation, link_id, from_id, to_id, from_key, to_key, made_by, made_at, refused, xid, end_incarnation, end_xid)
SELECT $1::bigint, $2::integer, link_id, from_id, to_id, from_key, to_key, made_by, made_at, refused, xid, CASE WHEN ended > 0 THEN $2::integer END, nullif(ended, 0)
FROM unnest($3::bigint[], $4::text[], $5::text[], $6::integer[], $7::integer[], $8::text[], $9::timestamptz[], $10::text[], $11::bigint[], $12::bigint[])
    AS l (link_id, from_id, to_id, from_key, to_key, made_by, made_at, refused, xid, ended)
ON CONFLICT DO NOTHING`

// writeLinks writes links and refusals. A refusal that is there already is no other.
func (p *applier) writeLinks(ctx context.Context, tx outbox.Querier) error {
	for rows := range slices.Chunk(p.rows, atOnce) {
		n := len(rows)
		seqs, xids, ends := make([]int64, n), make([]int64, n), make([]int64, n)
		from, to, by, refused := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
		fromKeys, toKeys, made := make([]*int32, n), make([]*int32, n), make([]time.Time, n)
		for i, r := range rows {
			seqs[i], xids[i], ends[i] = r.Seq, int64(r.XID), int64(r.ended)
			from[i], to[i], by[i], refused[i], made[i] = r.From, r.To, r.MadeBy, string(r.refused), r.MadeAt
			if r.refused == "" {
				x, y := int32(p.keys[r.From]), int32(p.keys[r.To])
				fromKeys[i], toKeys[i] = &x, &y
			}
		}
		if _, err := tx.Exec(ctx, writeLinksSQL, p.project, p.incarnation, seqs, from, to, fromKeys, toKeys, by, made, refused, xids, ends); err != nil {
			return fmt.Errorf("writing links: %w", err)
		}
	}
	return nil
}

const projectSQL = `
INSERT INTO analytics.identity_projects (project_id, links, incarnation, xid) VALUES ($1, $2, $3, $4)
ON CONFLICT (project_id) DO UPDATE SET links = excluded.links, incarnation = excluded.incarnation, xid = excluded.xid`

const appliedSQL = `UPDATE analytics.identity_claims SET incarnation = $2 WHERE seq = ANY ($1::bigint[])`

func markApplied(ctx context.Context, tx outbox.Querier, claims []Logged, incarnation int32) error {
	for some := range slices.Chunk(claims, atOnce) {
		seqs := make([]int64, len(some))
		for i, c := range some {
			seqs[i] = c.Seq
		}
		if _, err := tx.Exec(ctx, appliedSQL, seqs, incarnation); err != nil {
			return fmt.Errorf("marking claims of identity as applied: %w", err)
		}
	}
	return nil
}
