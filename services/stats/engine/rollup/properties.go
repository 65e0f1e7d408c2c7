package rollup

import (
	"context"
	"errors"
	"fmt"

	"eventanalytics/pkg/warehouse/rollup"
	"eventanalytics/services/stats/engine"
)

// Properties serves a scan, unless a roll-up of an older version is among those asked.
func (e *Engine) Properties(ctx context.Context, p engine.Properties) (rows []engine.PropertyEvents, err error) {
	err = e.do(ctx, func(ctx context.Context) error {
		match, err := seriesTypes(p.Scope, engine.Series{Types: p.Types})
		if err != nil {
			return err
		}
		q, buckets, err := e.cut(match, p.Zone, p.Range, engine.Whole)
		if err != nil || len(buckets) == 0 {
			return err
		}
		periods := buckets[0].periods // there is no other
		events, err := q.Events(ctx, periods...)
		if err != nil {
			return err
		}
		counted, err := q.Properties(ctx, periods...)
		if errors.Is(err, rollup.ErrNoProperties) {
			return fmt.Errorf("%w: %w", engine.ErrUnsupported, err)
		}
		if err != nil {
			return err
		}
		kinds := make(map[string]engine.Kinds, len(counted))
		for name, of := range counted {
			var n engine.Kinds
			for i := range of {
				n[i] = int64(of[i])
			}
			kinds[name] = n
		}
		rows, err = p.Of(ctx, kinds, int64(events))
		return err
	})
	return rows, err
}
