// Package links has every statement on the tables of identity: the log of claims that
// ingest appends to and the worker applies, what it knows of each id, and the links that
// replicas read. package identity has the rules.
package links

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"eventanalytics/pkg/identity"
	"eventanalytics/pkg/outbox"
)

// MaxLinks is how many links a project may have. A replica needs up to about 60 bytes for each.
const MaxLinks = 5_000_000

// Position is where in the log a claim is: in the order of the outbox, before all events
// of its transaction.
type Position struct {
	Incarnation int32
	XID         uint64
}

// At is the position of claims of the transaction that a place in the outbox is in.
func At(p outbox.Position) Position { return Position{p.Incarnation, p.XID} }

// Outbox is the place before all events of the position's transaction.
func (p Position) Outbox() outbox.Position {
	return outbox.Position{Incarnation: p.Incarnation, XID: p.XID}
}

// Compare orders positions; it returns -1, 0 or 1.
func (p Position) Compare(q Position) int {
	return cmp.Or(cmp.Compare(p.Incarnation, q.Incarnation), cmp.Compare(p.XID, q.XID))
}

// IsZero says that it is before all claims.
func (p Position) IsZero() bool { return p == Position{} }

// Claim of an id of a project.
type Claim struct {
	identity.Claim
	Project int64
	// Operation is the id of the operation that the claim comes from, if it is to count
	// only when the operation is new. Append does not look at it.
	Operation uuid.UUID
	// Place of what it comes from in its request: claims of one request keep their order.
	Place int32
}

const appendSQL = `
INSERT INTO analytics.identity_claims (project_id, kind, from_id, to_id, made_by)
SELECT project_id, kind, from_id, to_id, made_by
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[]) WITH ORDINALITY
    AS c (project_id, kind, from_id, to_id, made_by, n)
ORDER BY n`

// atOnce bounds the rows of a statement.
const atOnce = 10_000

// Append writes claims to the end of the log, in their order. They take effect when the
// transaction has committed and the worker has come past it.
func Append(ctx context.Context, db outbox.Querier, claims []Claim) error {
	for len(claims) > 0 {
		some := claims[:min(len(claims), atOnce)]
		claims = claims[len(some):]
		projects, kinds := make([]int64, len(some)), make([]string, len(some))
		from, to, by := make([]string, len(some)), make([]string, len(some)), make([]string, len(some))
		for i, c := range some {
			projects[i], kinds[i], from[i], to[i], by[i] = c.Project, string(c.Kind), c.From, c.To, c.MadeBy
		}
		if _, err := db.Exec(ctx, appendSQL, projects, kinds, from, to, by); err != nil {
			return fmt.Errorf("appending claims of identity: %w", err)
		}
	}
	return nil
}

// Logged is a claim in the log.
type Logged struct {
	Claim
	XID    uint64
	Seq    int64
	MadeAt time.Time
}
