package stats

import (
	"slices"
	"strconv"
	"strings"
)

// mediaRange is one of those in an Accept header (RFC 9110, 12.5.1).
type mediaRange struct {
	kind, subtype string
	q             float64
}

// negotiate returns the name of the format that an Accept header likes best: of
// those that a media range matches the first. It is the first name when none is.
func negotiate(accept string, names ...string) string {
	for _, r := range parseAccept(accept) {
		for _, name := range names {
			kind, subtype, _ := strings.Cut(formats[name].contentType, "/")
			if (r.kind == "*" || r.kind == kind) && (r.subtype == "*" || r.subtype == subtype && r.kind == kind) {
				return name
			}
		}
	}
	return names[0]
}

// parseAccept returns an Accept header's media ranges, those liked best first. Each
// goes before those with a lower quality, and before wildcards whatever theirs:
// that is no order, but clients rely on it.
func parseAccept(header string) []mediaRange {
	var ranges []mediaRange
	for part := range strings.SplitSeq(header, ",") {
		r, ok := parseMediaRange(part)
		if !ok {
			continue
		}
		at := len(ranges)
		for at > 0 && r.before(ranges[at-1]) {
			at--
		}
		ranges = slices.Insert(ranges, at, r)
	}
	return ranges
}

func (r mediaRange) before(other mediaRange) bool {
	return r.q > other.q || r.kind != "*" && other.kind == "*" || r.subtype != "*" && other.subtype == "*"
}

// parseMediaRange reads type/subtype;q=0.5, in which a lone * is */*.
func parseMediaRange(s string) (r mediaRange, ok bool) {
	name, parameters, _ := strings.Cut(s, ";")
	kind, rest, _ := strings.Cut(name, "/")
	subtype, more, _ := strings.Cut(rest, "/")
	r = mediaRange{strings.Trim(kind, " "), strings.Trim(subtype, " "), 1}
	switch {
	case rest == "" && r.kind == "*":
		r.subtype = "*"
	case rest == "" || more != "":
		return r, false
	}
	for parameter := range strings.SplitSeq(parameters, ";") {
		name, value, _ := strings.Cut(parameter, "=")
		if strings.Trim(name, " ") == "q" && value != "" && !strings.Contains(value, "=") {
			r.q, _ = strconv.ParseFloat(value, 32) // 0 for what is no number
		}
	}
	return r, true
}
