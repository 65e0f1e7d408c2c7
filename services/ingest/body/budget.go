package body

import (
	"errors"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// ErrOverloaded is returned when the bodies in flight leave no room for another.
// Nothing is wrong with the body: it can be sent again.
var ErrOverloaded = errors.New("too many uploads at once")

// Budget bounds the decompressed bytes of all bodies in flight, and by them the
// memory they take, about three times as much. An upload that does not fit is
// refused immediately and retried by the client. Queueing instead could deadlock:
// each upload would hold part of the budget while waiting for the rest.
type Budget struct {
	max     int64
	used    atomic.Int64
	refused prometheus.Counter
}

const (
	// smallBody is the maximum length of a body that is not a bulk upload.
	smallBody = 256 << 10
	// maxStep is how much of the budget a bulk upload takes at a time.
	maxStep = 256 << 10
)

// NewBudget makes a budget of max bytes. Its metrics go into registry.
func NewBudget(max int64, registry prometheus.Registerer) *Budget {
	f := promauto.With(registry)
	b := &Budget{max: max, refused: f.NewCounter(prometheus.CounterOpts{
		Name: "analytics_ingest_overloaded_total", Help: "Uploads refused because too many bytes were in flight.",
	})}
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "analytics_ingest_bytes_in_flight", Help: "Decompressed bytes of the bodies that are being read or stored.",
	}, func() float64 { return float64(b.used.Load()) })
	return b
}

// take takes n bytes if they are available. An eighth is kept for small bodies:
// an application's single events get through while bulk uploads fill the rest.
func (b *Budget) take(n int64, bulk bool) bool {
	max := b.max
	if bulk {
		max -= b.max / 8
	}
	if b.used.Add(n) > max {
		b.used.Add(-n)
		b.refused.Inc()
		return false
	}
	return true
}

func (b *Budget) give(n int64) { b.used.Add(-n) }
