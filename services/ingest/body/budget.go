package body

import (
	"errors"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Errors of a body that does not fit. Nothing is wrong with it: it can be sent again.
var (
	// ErrOverloaded is returned when the bodies in flight leave no room for another.
	ErrOverloaded = errors.New("too many uploads at once")
	// ErrOwnShare is returned when most of them are its own holder's.
	ErrOwnShare = errors.New("too many uploads of this project or network at once")
)

// Holder is whom a body counts for: a project or, as long as that is not known, the
// network that its client calls from.
type Holder struct {
	Project int64
	Network string
}

// Budget bounds what all bodies in flight cost, and by that the memory they take,
// about three times as much. An upload that does not fit is refused immediately and
// retried by the client. Queueing instead could deadlock: each upload would hold
// part of the budget while waiting for the rest.
//
// A holder may hold three times what it leaves free: three quarters while it is
// alone, and whoever comes next has room for itself, however long the first holds
// on to what it has. 235 stalled uploads of one project took everything before.
type Budget struct {
	max int64

	mu      sync.Mutex
	used    int64
	holders map[Holder]int64 // what each holds

	refused *prometheus.CounterVec
}

const (
	// smallBody is the maximum length of a body that is not a bulk upload.
	smallBody = 256 << 10
	// maxStep is how much of the budget a bulk upload takes at a time.
	maxStep = 256 << 10
	// baseCost is what an open body costs before anything of it is read: buffers, the
	// state of a decompressor and a decoder, its goroutine.
	baseCost = 64 << 10
	// eventCost is the least that an event costs: a short one takes more memory once
	// it is decoded, sorted and compared with the ledger than it is long.
	eventCost = 200
	// ownToFree is how many times what it leaves free a caller may hold.
	ownToFree = 3
)

// LeastBudget is the least budget of which a caller that is alone may take what a
// body of the given length costs.
func LeastBudget(length int64) int64 {
	return (length+baseCost+maxStep)*8*(ownToFree+1)/(7*ownToFree) + 1
}

// NewBudget makes a budget of max bytes. Its metrics go into registry.
func NewBudget(max int64, registry prometheus.Registerer) *Budget {
	f := promauto.With(registry)
	b := &Budget{max: max, holders: map[Holder]int64{}, refused: f.NewCounterVec(prometheus.CounterOpts{
		Name: "analytics_ingest_overloaded_total", Help: "Uploads refused because too many bytes were in flight: of all callers (503), or of their own project, or network while the key is not known (429; 503 for some SDKs).",
	}, []string{"whose"})}
	for _, whose := range []string{"all", "own"} {
		b.refused.WithLabelValues(whose)
	}
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "analytics_ingest_bytes_in_flight", Help: "What the bodies that are being read or stored count for: decompressed bytes, at least 64 KiB each and 200 bytes an event.",
	}, func() float64 {
		b.mu.Lock()
		defer b.mu.Unlock()
		return float64(b.used)
	})
	return b
}

// take takes n bytes for a holder, or returns why it may not. An eighth is kept for small
// bodies: an application's single events get through while bulk uploads fill the
// rest.
func (b *Budget) take(holder Holder, n int64, bulk bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.mayHold(b.holders[holder]+n, b.used+n, bulk); err != nil {
		return err
	}
	b.used += n
	b.holders[holder] += n
	return nil
}

// move lets n bytes that one holder has count for another, or returns why they may not.
func (b *Budget) move(from, to Holder, n int64, bulk bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.mayHold(b.holders[to]+n, b.used, bulk); err != nil {
		return err
	}
	b.less(from, n)
	b.holders[to] += n
	return nil
}

// mayHold returns why a holder may not hold so much while all hold used, or nil.
func (b *Budget) mayHold(own, used int64, bulk bool) error {
	max := b.max
	if bulk {
		max -= b.max / 8
	}
	switch {
	case own <= ownToFree*(max-used): // not when nothing is free
		return nil
	case own > used-own: // than all others hold
		b.refused.WithLabelValues("own").Inc()
		return ErrOwnShare
	}
	b.refused.WithLabelValues("all").Inc()
	return ErrOverloaded
}

func (b *Budget) give(holder Holder, n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= n
	b.less(holder, n)
}

func (b *Budget) less(holder Holder, n int64) {
	if b.holders[holder] -= n; b.holders[holder] <= 0 {
		delete(b.holders, holder)
	}
}
