package measure

import (
	"eventanalytics/pkg/decimal"
	"eventanalytics/pkg/syntax"
	"eventanalytics/services/stats/engine"
)

// percents are those of the quantiles.
var percents = map[string]int64{
	syntax.Min: 0, syntax.Median: 50, syntax.P75: 75, syntax.P90: 90, syntax.P95: 95, syntax.P99: 99, syntax.Max: 100,
}

// between returns the quantile of a measure of count numbers, which at returns by their
// place from 0, ascending: with h = (count-1)·q it lies between those at ⌊h⌋ and the
// next, as far as h is.
func between(measure string, count int64, at func(int64) decimal.Decimal) Value {
	if count == 0 {
		return null
	}
	percent := percents[measure]
	// (count-1)·percent/100, without the product, which may not fit.
	place, rest := (count-1)/100*percent+(count-1)%100*percent/100, (count-1)%100*percent%100
	low := at(place)
	if rest == 0 {
		return number(low.Float())
	}
	high := at(place + 1)
	if high == low {
		return number(low.Float())
	}
	// low·(100-rest) + high·rest is 100 times as much.
	ends, times := [2]decimal.Decimal{low, high}, [2]int64{100 - rest, rest}
	return number(decimal.SumOf(2, func(i int) (decimal.Decimal, int64) { return ends[i], times[i] }).Average())
}

// quantile returns that of numbers, which are ascending.
func quantile(measure string, n engine.Numbered) Value {
	var count int64
	for _, events := range n.Events {
		count += events
	}
	return between(measure, count, func(place int64) decimal.Decimal {
		i := 0
		for ; place >= n.Events[i]; i++ {
			place -= n.Events[i]
		}
		return n.Numbers[i]
	})
}
