package clickhouse

import (
	"context"
	"fmt"
	"math"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/RoaringBitmap/roaring/v2"

	"eventanalytics/services/stats/engine"
)

// doersSQL reads the keys of users, in lists that are bounded.
const doersSQL = `
SELECT groupArray(person)
FROM (SELECT person FROM {{local}} GROUP BY person HAVING {{often}})
GROUP BY intDiv(person, 65536)`

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
	st := newStatement(d.Scope, doersSQL, p).of(d.Types)
	often := "count() >= " + st.integer(int64(d.Times))
	switch {
	case d.First && d.Times > 1:
		often = "0"
	case d.First:
		often = "min(us) >= " + st.integer(d.Since)
	case d.Exactly:
		often = "count() = " + st.integer(int64(d.Times))
	}
	st.markers = append(st.markers, "{{often}}", often)
	users := roaring.New()
	budget := engine.NewBudget(ctx)
	err := e.run(ctx, st, func(r driver.Rows) error {
		var keys []uint32
		if err := r.Scan(&keys); err != nil {
			return fmt.Errorf("reading keys of users: %w", err)
		}
		return addUsers(&users, keys, &budget)
	})
	return users, err
}
