package event

import (
	"iter"
	"slices"
	"strings"
)

// Keys are the names of an event's properties: the keys of the object itself, not of
// those in it, without their escapes. properties must be valid, or empty.
func Keys(properties string) iter.Seq[string] {
	return func(yield func(string) bool) {
		depth, isKey := 0, false
		for i := 0; i < len(properties); {
			switch properties[i] {
			case '"':
				end := stringEnd(properties, i)
				if isKey && depth == 1 {
					key := properties[i+1 : end-1]
					if strings.IndexByte(key, '\\') >= 0 {
						key = string(unquoted([]byte(properties[i:end])))
					}
					if !yield(key) {
						return
					}
				}
				i, isKey = end, false
				continue
			case '{':
				depth++
				isKey = true
			case '[':
				depth++
			case '}', ']':
				depth--
			case ',':
				isKey = depth == 1 // in the object itself: an array would be deeper
			}
			i++
		}
	}
}

// Refuse takes events out of a batch that are valid in themselves but cannot be
// stored, and counts them as invalid. It calls mistake for each event in turn, which
// returns nil for those that stay.
func (b *Batch) Refuse(mistake func(*Event) *Mistake) {
	kept, before := 0, len(b.Invalid)
	for i := range b.Events {
		m := mistake(&b.Events[i])
		if m == nil {
			b.Events[kept], b.Indexes[kept] = b.Events[i], b.Indexes[i]
			kept++
			continue
		}
		switch {
		case b.Rejected == 0:
			b.Code = m.Code
		case b.Code != m.Code:
			b.Code = ""
		}
		b.Rejected++
		if len(b.Invalid)-before < MaxKept {
			b.Invalid = append(b.Invalid, Invalid{int(b.Indexes[i]), *m})
		}
	}
	clear(b.Events[kept:])
	b.Events, b.Indexes = b.Events[:kept], b.Indexes[:kept]
	// The first of both are kept, in the order of the request.
	slices.SortFunc(b.Invalid, func(x, y Invalid) int { return x.Index - y.Index })
	b.Invalid = b.Invalid[:min(len(b.Invalid), MaxKept)]
}
