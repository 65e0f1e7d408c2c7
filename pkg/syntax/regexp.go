package syntax

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"unicode/utf8"
)

// Bounds on a regular expression. Its program is what x{1000} and the like are written
// out to: the time of a match is at most proportional to it and to the text. Ranges are
// those of character classes: \pL has 1,300 code points at their ends.
const (
	maxProgram = 3_000
	maxRanges  = 20_000
)

// parseRegexp reads a regular expression in the syntax of RE2.
func parseRegexp(text string) (*regexp.Regexp, error) {
	if utf8.RuneCountInString(text) > MaxRegexp {
		return nil, fmt.Errorf("has a regular expression of more than %d characters", MaxRegexp)
	}
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		var detail *syntax.Error
		if errors.As(err, &detail) {
			return nil, fmt.Errorf("has no valid regular expression: %s %q", detail.Code, detail.Expr)
		}
		return nil, fmt.Errorf("has no valid regular expression: %w", err)
	}
	if program, ranges := sizes(parsed); program > maxProgram || ranges > maxRanges {
		return nil, errors.New("has a regular expression that becomes too large: repeat less in it, or use fewer classes of characters")
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, fmt.Errorf("has no valid regular expression: %w", err)
	}
	return re, nil
}

// sizes bounds the instructions that an expression is compiled to, before it is, and
// counts the ends of ranges of its classes.
func sizes(re *syntax.Regexp) (program, ranges int) {
	program, ranges = 1, len(re.Rune)
	if re.Op == syntax.OpLiteral {
		program, ranges = len(re.Rune), 0
	}
	for _, sub := range re.Sub {
		p, r := sizes(sub)
		program, ranges = program+p, ranges+r
	}
	if re.Op == syntax.OpAlternate {
		program += len(re.Sub)
	}
	if re.Op == syntax.OpRepeat {
		program *= max(re.Min+1, re.Max) // x{2,} is xx+
	}
	return min(program, maxProgram+1), ranges
}
