package faults

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
)

// Events occur on these days, UTC, both inclusive.
const firstDay, lastDay = "2025-09-01", "2025-10-31"

var begin = time.Date(2025, 9, 1, 0, 0, 0, 0, time.UTC)

const days = 61

// Values that the outbox escapes, and numbers that must come back digit for digit.
var (
	types = []string{"view", "purchase", "Купівля", `a\tb`, "👍"}
	props = []string{"", `{}`, `{"price":1.50,"tags":["a","b"]}`, `{"path":"C:\\temp\\new","tab":"a\tb"}`, `{"n":9007199254740993}`}
)

func newID(rng *rand.Rand) (id uuid.UUID) {
	for i := range id {
		id[i] = byte(rng.Uint32())
	}
	return id
}

func newEvent(rng *rand.Rand, client int) event {
	e := event{
		ID:    newID(rng),
		At:    begin.Add(time.Duration(rng.Int64N(days*24*3600*1e6)) * time.Microsecond),
		User:  fmt.Sprintf("user-%d", rng.IntN(40)),
		Type:  types[min(rng.IntN(len(types)), rng.IntN(len(types)))],
		Props: props[rng.IntN(len(props))],
	}
	switch rng.IntN(8) {
	case 0: // at a bound of days
		e.At = begin.AddDate(0, 0, rng.IntN(days)).Add(time.Duration(rng.IntN(2)) * time.Microsecond)
	case 1: // a user with one event
		e.User = fmt.Sprintf("u\t%d-%x", client, e.ID[:6])
	}
	return e
}
