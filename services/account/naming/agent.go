package naming

import (
	"strings"

	"eventanalytics/pkg/visible"
)

// maxAgent is the maximum length of an agent in code points.
const maxAgent = 200

// Agent is what a client calls itself, as it can be shown to people: without what is
// not to be seen, and not longer than 200 characters. No name is refused.
func Agent(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range strings.ToValidUTF8(s, "") {
		if r != ' ' && !visible.Rune(r) {
			continue
		}
		if n++; n > maxAgent {
			break
		}
		b.WriteRune(r)
	}
	return strings.TrimSpace(b.String())
}
