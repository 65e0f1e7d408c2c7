package measure

import "eventanalytics/pkg/syntax"

// Compute returns the value of a formula's steps for those of the series. null in makes
// null of everything that it goes into, and so does a division by zero or a result that
// is not finite.
func Compute(steps []syntax.Step, series []Value) Value {
	stack := make([]Value, 0, len(steps))
	for _, s := range steps {
		switch s.Op {
		case "series":
			stack = append(stack, series[s.Series])
			continue
		case "number":
			stack = append(stack, Value{Number: s.Number})
			continue
		case "negate":
			stack[len(stack)-1].Number *= -1
			continue
		}
		a, b := stack[len(stack)-2], stack[len(stack)-1]
		stack = append(stack[:len(stack)-2], operate(s.Op, a, b))
	}
	result := stack[0]
	if result.Null {
		return null
	}
	return number(result.Number + 0) // not -0
}

func operate(op string, a, b Value) Value {
	switch {
	case a.Null || b.Null:
		return null
	case op == "+":
		return number(a.Number + b.Number)
	case op == "-":
		return number(a.Number - b.Number)
	case op == "*":
		return number(a.Number * b.Number)
	}
	return number(a.Number / b.Number) // by zero it is not finite
}

// Series returns which series the steps of a formula name, ascending.
func Series(steps []syntax.Step) (named []int) {
	seen := map[int]bool{}
	for i := range syntax.MaxSeries {
		for _, s := range steps {
			if s.Op == "series" && s.Series == i && !seen[i] {
				seen[i] = true
				named = append(named, i)
			}
		}
	}
	return named
}
