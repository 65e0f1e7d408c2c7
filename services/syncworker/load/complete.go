package load

import (
	"slices"
	"time"

	"eventanalytics/pkg/outbox"
)

// completeness finds the instant before which every acknowledged event is in
// the warehouse.
//
// Each look at the outbox is a checkpoint: all that was acknowledged before its
// time At has a transaction id below XMax, the first one not yet given out. So
// once everything below that XMax has ended and been loaded, the warehouse is
// complete until At. Everything below a bound has been loaded when the outbox
// was drained of the rows of all ended transactions (then the bound is XMin, the
// lowest one still running), or when a row of the bound itself was loaded: rows
// come in the order of their ids, and only from transactions that have ended.
//
// A transaction that stays open rightly holds the bound back: it may still commit,
// and what it then acknowledges is not loaded.
type completeness struct {
	waiting []checkpoint // in the order of their times
	until   time.Time    // zero until the first is reached
	stored  time.Time    // what the sync state has
}

type checkpoint struct {
	at   time.Time
	xmax uint64
}

// maxCheckpoints bounds the memory of a long wait; the newest ones then merge.
const maxCheckpoints = 64

// loaded returns c after what a look at the outbox found below a bound is in the warehouse.
func (c completeness) loaded(b outbox.Batch, bound uint64) completeness {
	next := checkpoint{b.At, b.XMax}
	waiting := slices.Clone(c.waiting)
	last := len(waiting) - 1
	if last >= 0 && (waiting[last].xmax == next.xmax || len(waiting) == maxCheckpoints) {
		waiting[last] = next
	} else {
		waiting = append(waiting, next)
	}
	for len(waiting) > 0 && waiting[0].xmax <= bound {
		c.until = waiting[0].at
		waiting = waiting[1:]
	}
	c.waiting = waiting
	return c
}
