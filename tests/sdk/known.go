package sdk

import (
	"fmt"
	"time"
)

// events that each SDK records in a run.
const events = 25

// loggedIn is the first event that a page records after somebody has logged in.
const loggedIn = 5

// user is who logs in there.
const user = "ann"

// known is event n of the known set, as event.js makes it.
type known struct {
	name, user string
	at         time.Time // zero: when it was recorded
	properties map[string]any
}

func knownEvent(n int, base time.Time) known {
	e := known{
		name: fmt.Sprintf("order_%d", n%3), user: fmt.Sprintf("user-%d", n%5),
		properties: map[string]any{
			"mark": markOf(n), "n": float64(n), "price": float64(n) + 0.75, "text": `héllo ✓ "q" \ 😀`,
			"nested": map[string]any{"list": []any{1.0, "two", nil}, "on": true},
		},
	}
	if n%4 == 0 {
		e.at = base.Add(time.Duration(n) * time.Second)
	}
	return e
}
