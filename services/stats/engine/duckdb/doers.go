package duckdb

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/RoaringBitmap/roaring/v2"

	"eventanalytics/pkg/warehouse/segment"
	"eventanalytics/services/stats/engine"
)

// doersSQL reads the keys of users, in lists that are bounded.
const doersSQL = `
SELECT list(user_key)
FROM (SELECT user_key FROM {{local}} GROUP BY user_key HAVING {{often}})
GROUP BY user_key // 65536`

// Doers serves a scan.
func (e *Engine) Doers(ctx context.Context, d engine.Doers) (*roaring.Bitmap, error) {
	p := engine.Always()
	p.From, p.To = d.Since, d.Until
	if d.First {
		p.From = math.MinInt64
	}
	if p.From != math.MinInt64 {
		p.Spans = d.Zone.Spans(p.From, p.To)
	}
	st := newStatement(d.Scope, doersSQL, p)
	st.types, st.keyed = d.Types, true
	often := "count(*) >= " + st.bind(d.Times) + "::BIGINT"
	switch {
	case d.First && d.Times > 1:
		often = "false"
	case d.First:
		often = "min(us) >= " + st.bind(d.Since) + "::BIGINT"
	case d.Exactly:
		often = "count(*) = " + st.bind(d.Times) + "::BIGINT"
	}
	st.markers = append(st.markers, "{{often}}", often)
	users := roaring.New()
	budget := engine.NewBudget(ctx)
	err := e.run(ctx, st, func(r *sql.Rows) error {
		var keys any
		if err := r.Scan(&keys); err != nil {
			return fmt.Errorf("reading keys of users: %w", err)
		}
		return addUsers(&users, keys, nil, &budget)
	})
	return users, err
}

// inSet is SQL for whether the user of an event is in a set: its bits are looked up by the
// keys of users, which are dense.
func (st *statement) inSet(s engine.Set) string {
	if s.Users.IsEmpty() {
		return fmt.Sprint(s.Except)
	}
	st.keyed = true
	last := s.Users.Maximum()
	bits := make([]byte, last/8+1)
	for keys := s.Users.Iterator(); keys.HasNext(); {
		key := keys.Next()
		bits[key/8] |= 0x80 >> (key % 8)
	}
	in := fmt.Sprintf("(user_key <= %[1]d AND get_bit(%[2]s::BLOB::BIT, least(user_key, %[1]d)::INTEGER) = 1)", last, st.bind(bits))
	if s.Except {
		return "NOT " + in
	}
	return in
}

// hasKeys says whether all of the project's events have keys of users.
func (e *Engine) hasKeys() bool {
	return !slices.ContainsFunc(e.snapshot.Segments(e.project, time.Time{}, time.Time{}), func(s segment.Segment) bool { return s.RollUp == nil })
}
