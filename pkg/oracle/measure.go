package oracle

import (
	"math"
	"math/big"
	"slices"
)

// Measure is what is measured of events.
type Measure struct {
	Name  string // users events per_user sum avg min max median p75 p90 p95 p99 distinct
	Field Field  // from sum on
}

var quantiles = map[string]*big.Rat{
	"min": big.NewRat(0, 1), "median": big.NewRat(1, 2), "p75": big.NewRat(3, 4), "p90": big.NewRat(9, 10),
	"p95": big.NewRat(19, 20), "p99": big.NewRat(99, 100), "max": big.NewRat(1, 1),
}

// of measures events; nil is null.
func (m Measure) of(k known, events []counted) *float64 {
	units, texts := map[string]bool{}, map[string]bool{}
	var numbers []*big.Rat
	sum := new(big.Rat)
	for _, e := range events {
		units[e.unit] = true
		if text, ok := k.text(m.Field, e.Event); ok {
			texts[text] = true
		}
		if n, ok := k.number(m.Field, e.Event); ok {
			numbers = append(numbers, n)
			sum.Add(sum, n)
		}
	}
	switch m.Name {
	case "users":
		return rounded(whole(len(units)))
	case "events":
		return rounded(whole(len(events)))
	case "per_user":
		return divided(whole(len(events)), len(units))
	case "sum":
		return rounded(sum)
	case "avg":
		return divided(sum, len(numbers))
	case "distinct":
		return rounded(whole(len(texts)))
	}
	if len(numbers) == 0 {
		return nil
	}
	return rounded(quantile(quantiles[m.Name], numbers))
}

func whole(n int) *big.Rat { return big.NewRat(int64(n), 1) }

func divided(a *big.Rat, n int) *float64 {
	if n == 0 {
		return nil
	}
	return rounded(new(big.Rat).Quo(a, whole(n)))
}

// rounded is the nearest float64. A number that is too large for one is null: the page
// does not say what it is, and JSON has no infinity.
func rounded(r *big.Rat) *float64 {
	f, _ := r.Float64()
	return finite(f)
}

func finite(f float64) *float64 {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return nil
	}
	return &f
}

// quantile goes from the number at or before (n-1)q towards the next, linearly.
func quantile(q *big.Rat, numbers []*big.Rat) *big.Rat {
	slices.SortFunc(numbers, (*big.Rat).Cmp)
	h := new(big.Rat).Mul(whole(len(numbers)-1), q)
	before := int(new(big.Int).Quo(h.Num(), h.Denom()).Int64())
	after := min(before+1, len(numbers)-1)
	part := new(big.Rat).Sub(h, whole(before))
	step := new(big.Rat).Sub(numbers[after], numbers[before])
	return step.Add(step.Mul(step, part), numbers[before])
}
