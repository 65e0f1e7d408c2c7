package stats

import (
	"strings"

	"eventanalytics/services/stats/kept"
)

// cache keeps the answers asked for last. An answer's tag changes with everything that its
// rows depend on.
type cache struct{ *kept.Cache[computed] }

// keptSize is what an answer takes besides its rows.
const keptSize = 200

// newCache makes a cache of up to budget bytes, none for 0.
func newCache(budget int64) cache { return cache{kept.New[computed](budget)} }

// keep keeps an answer, in place of the one it had for the tag.
func (c cache) keep(project int64, tag string, answer computed) {
	c.Keep(project, tag, answer, keptSize+answer.rows.Bytes())
}

// cachePolicy says how a request uses the cache.
type cachePolicy struct {
	read  bool // an answer that is there
	write bool // the answer computed for it
}

// parseCacheControl reads a request's Cache-Control (RFC 9111, 5.2.1).
func parseCacheControl(header string) cachePolicy {
	p := cachePolicy{read: true, write: true}
	for directive := range strings.SplitSeq(header, ",") {
		switch strings.ToLower(strings.TrimSpace(directive)) {
		case "no-cache":
			p.read = false
		case "no-store":
			p.read, p.write = false, false
		}
	}
	return p
}
