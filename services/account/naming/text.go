// Package naming has the rules for names and texts that people choose and others
// see.
package naming

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"eventanalytics/pkg/refusal"
	"eventanalytics/pkg/visible"
)

// maxMarks is how many combining marks may follow one another (UTS 39, 5.4): more
// climb over the lines above.
const maxMarks = 4

// Text applies the rules for a line of text that others see: 1 to limit code points,
// at least one of them visible, and none that is invisible, breaks lines or changes the
// direction of the text around it. Refusals name field.
func Text(field, s string, limit int) error { return text(field, s, limit, joins) }

func text(field, s string, limit int, allowed func(r, before rune) bool) error {
	if !utf8.ValidString(s) {
		return refusal.InvalidField("invalid-character", field, "must be UTF-8")
	}
	if n := utf8.RuneCountInString(s); n < 1 || n > limit {
		return refusal.InvalidField("invalid-field", field, fmt.Sprintf("must have 1 to %d characters", limit))
	}
	var before rune
	marks, seen := 0, false
	for _, r := range s {
		if unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control) {
			return refusal.InvalidField("invalid-character", field, "may not hold control characters")
		}
		if visible.Ignorable(r) && !allowed(r, before) {
			return refusal.InvalidField("invalid-character", field, fmt.Sprintf("may not hold the invisible character %U", r))
		}
		if marks++; !unicode.Is(unicode.Mn, r) {
			marks = 0
		}
		if marks > maxMarks {
			return refusal.InvalidField("invalid-character", field, fmt.Sprintf("may not hold more than %d combining marks in a row", maxMarks))
		}
		seen = seen || visible.Rune(r) && !unicode.Is(unicode.Mn, r)
		before = r
	}
	if !seen {
		return refusal.InvalidField("invalid-field", field, "must have a visible character")
	}
	return nil
}

// joins reports whether an ignorable character has a use where it is: joiners and
// variation selectors belong into emoji and into words of some scripts.
func joins(r, before rune) bool {
	switch r {
	case '\u200c', '\u200d', '\ufe0e', '\ufe0f':
		return before > unicode.MaxASCII && visible.Rune(before) || before == '\ufe0f'
	}
	return false
}

// Lines applies the rules of Text to text of several lines, of which some may be empty.
func Lines(field, s string, limit int) error {
	if n := utf8.RuneCountInString(s); n < 1 || n > limit {
		return refusal.InvalidField("invalid-field", field, fmt.Sprintf("must have 1 to %d characters", limit))
	}
	for line := range strings.SplitSeq(s, "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		if err := Text(field, line, limit); err != nil {
			return err
		}
	}
	return nil
}
