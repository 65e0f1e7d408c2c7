package rollup

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/RoaringBitmap/roaring/v2"

	"eventanalytics/pkg/syntax"
	"eventanalytics/pkg/warehouse/rollup"
	"eventanalytics/services/stats/engine"
)

// Tally serves a scan.
func (e *Engine) Tally(ctx context.Context, t engine.Tally) ([]engine.Cell, error) {
	// Of several types in a period a roll-up does not know which came first.
	if t.First && (len(t.Breakdown) > 0 || t.Before) || t.Part == engine.Numbers || t.Part == engine.Sums || t.Field.Source != "" || t.Least > 1 || !byType(t.Breakdown) {
		return nil, engine.ErrUnsupported
	}
	match, err := seriesTypes(t.Scope, t.Series)
	if err != nil {
		return nil, err
	}
	result := engine.NewResult[engine.Cell](ctx)
	err = e.do(ctx, func(ctx context.Context) error {
		_, buckets, err := e.ask(engine.Scope{Zone: t.Zone}, t.Range, t.Interval)
		if err != nil || len(buckets) == 0 && !t.Before {
			return err
		}
		if t.Before {
			past, err := before(t)
			if err != nil {
				return err
			}
			buckets = append([]bucket{past}, buckets...)
		}
		add := func(c engine.Cell) error {
			if c.Events == 0 {
				return nil
			}
			return result.Add(c)
		}
		if t.First {
			return e.first(ctx, t, match, buckets, add)
		}
		return tally(ctx, t, groupScans(e.view, t, match), buckets, add)
	})
	return result.Rows, err
}

// byType says whether a breakdown is by nothing but the event type.
func byType(breakdown []syntax.Breakdown) bool {
	return !slices.ContainsFunc(breakdown, func(b syntax.Breakdown) bool {
		return b.Field.Source != syntax.EventType || len(b.Bins) > 0
	})
}

// seriesTypes returns which event types a series is about, nil for all.
func seriesTypes(scope engine.Scope, s engine.Series) (match func(string) bool, err error) {
	if s.Unit.Source != "" && s.Unit.Source != syntax.UserID {
		return nil, engine.ErrUnsupported
	}
	filtered, err := typesOf(syntax.And(scope.Filter, s.Filter), scope.Zone)
	if err != nil || len(s.Types) == 0 {
		return filtered, err
	}
	return func(t string) bool { return slices.Contains(s.Types, t) && (filtered == nil || filtered(t)) }, nil
}

// before is the bucket of all that lies before a range. Where clocks go back over
// midnight, some of it comes after the range has begun.
func before(t engine.Tally) (bucket, error) {
	b := bucket{at: engine.BeforeRange}
	p, exists := engine.Range{From: max(engine.FirstDate, t.From-30), To: t.From - 1}.Period(t.Zone)
	if !exists {
		return b, nil
	}
	slots, err := slotsOf(p, engine.Whole)
	for _, s := range slots {
		b.periods = append(b.periods, s.period)
	}
	if len(slots) > 0 {
		b.periods[0].From = rollup.Always.From
	}
	return b, err
}

// groupScan reads the event types of a group.
type groupScan struct {
	group int
	*rollup.Scan
}

// groupScans returns a scan for each group, in their order, Rest last.
func groupScans(view *rollup.View, t engine.Tally, match func(string) bool) []groupScan {
	if len(t.Breakdown) == 0 {
		return []groupScan{{engine.Rest, view.Scan(match)}}
	}
	all := view.Scan(match)
	var scans []groupScan
	named := map[string]bool{}
	for i, g := range t.Groups {
		if slices.ContainsFunc(g, func(v engine.Text) bool { return v.Missing || v.Value != g[0].Value }) {
			continue // no event has it
		}
		named[g[0].Value] = true
		scans = append(scans, groupScan{i, all.Of(g[0].Value)})
	}
	return append(scans, groupScan{engine.Rest, view.Scan(func(name string) bool {
		return !named[name] && (match == nil || match(name))
	})})
}

func tally(ctx context.Context, t engine.Tally, scans []groupScan, buckets []bucket, add func(engine.Cell) error) error {
	for _, b := range buckets {
		for _, s := range scans {
			events, err := s.Events(ctx, b.periods...)
			if err != nil {
				return err
			}
			if events == 0 {
				continue
			}
			c := engine.Cell{Bucket: b.at, Group: s.group, Events: int64(events)}
			switch t.Part {
			case engine.CountUsers:
				users, err := s.CountUsers(ctx, b.periods...)
				if err != nil {
					return err
				}
				c.Users = int64(users)
			case engine.UserSets:
				if c.Set, err = s.Users(ctx, b.periods...); err != nil {
					return err
				}
				c.Users = int64(c.Set.GetCardinality())
			}
			if err := add(c); err != nil {
				return err
			}
		}
	}
	return nil
}

// first serves a tally of first events: as many as there are users who were not there
// before.
func (e *Engine) first(ctx context.Context, t engine.Tally, match func(string) bool, buckets []bucket, add func(engine.Cell) error) error {
	p, _ := t.Period(t.Zone)
	slots, err := slotsOf(p, t.Interval)
	if err != nil {
		return err
	}
	scan := e.view.Scan(match)
	known, at := roaring.New(), rollup.Always.From
	fresh := map[int64]*roaring.Bitmap{}
	for _, s := range slots {
		if s.period.From > at { // before the range, or other dates where clocks go back over midnight
			others, err := scan.Users(ctx, rollup.Period{From: at, To: s.period.From})
			if err != nil {
				return err
			}
			known.Or(others)
		}
		at = s.period.To
		users, err := scan.Users(ctx, s.period)
		if err != nil {
			return err
		}
		if fresh[s.bucket] == nil {
			fresh[s.bucket] = roaring.New()
		}
		fresh[s.bucket].Or(roaring.AndNot(users, known))
		known.Or(users)
	}
	for _, b := range buckets {
		c := engine.Cell{Bucket: b.at, Group: engine.Rest, Events: int64(fresh[b.at].GetCardinality())}
		if t.Part != engine.OnlyEvents {
			c.Users = c.Events
		}
		if t.Part == engine.UserSets {
			c.Set = fresh[b.at]
		}
		if err := add(c); err != nil {
			return err
		}
	}
	return nil
}

// Rank serves a scan.
func (e *Engine) Rank(ctx context.Context, r engine.Rank) (ranked engine.Ranked, err error) {
	if !byType(r.Breakdown) || len(r.Breakdown) == 0 {
		return ranked, engine.ErrUnsupported
	}
	switch r.Measure.Name {
	case syntax.Events, syntax.Users, syntax.PerUser:
	default:
		return ranked, engine.ErrUnsupported
	}
	err = e.do(ctx, func(ctx context.Context) error {
		ranked, err = e.rank(ctx, r)
		return err
	})
	return ranked, err
}

func (e *Engine) rank(ctx context.Context, r engine.Rank) (ranked engine.Ranked, err error) {
	_, buckets, err := e.ask(engine.Scope{Zone: r.Zone}, r.Range, engine.Whole)
	if err != nil || len(buckets) == 0 {
		return ranked, err
	}
	seen := map[string]float64{} // how much there is of a type in the first series
	for i, s := range r.Series {
		match, err := seriesTypes(r.Scope, s)
		if err != nil {
			return ranked, err
		}
		if s.First {
			return ranked, engine.ErrUnsupported
		}
		scan := e.view.Scan(match)
		totals, err := scan.Totals(ctx, buckets[0].periods...)
		if err != nil {
			return ranked, err
		}
		for name, total := range totals {
			if i > 0 {
				if _, known := seen[name]; !known {
					seen[name] = 0 // or null: all others are more
				}
				continue
			}
			if seen[name], err = size(ctx, scan.Of(name), total, r.Measure.Name, buckets[0]); err != nil {
				return ranked, err
			}
		}
	}
	names := slices.SortedFunc(maps.Keys(seen), func(a, b string) int {
		return cmp.Or(cmp.Compare(seen[b], seen[a]), strings.Compare(a, b))
	})
	ranked.More = len(names) > r.Top
	for _, name := range names[:min(r.Top, len(names))] {
		ranked.Groups = append(ranked.Groups, slices.Repeat(engine.Group{{Value: name}}, len(r.Breakdown)))
	}
	return ranked, nil
}

// size returns how much there is of a type.
func size(ctx context.Context, scan *rollup.Scan, total rollup.Total, measure string, b bucket) (float64, error) {
	if measure == syntax.Events {
		return float64(total.Events), nil
	}
	users, err := scan.CountUsers(ctx, b.periods...)
	if measure == syntax.PerUser {
		return float64(total.Events) / float64(users), err
	}
	return float64(users), err
}
