package ingest

import (
	"errors"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// errOverloaded is returned when the bodies in flight leave no room for another.
var errOverloaded = errors.New("too many uploads at once")

// budget bounds the decompressed bytes of all bodies in flight, and by them the
// memory they take, about three times as much. Who finds no room is refused at
// once and comes again: were they to wait, uploads that each hold a part could
// wait for each other for ever.
type budget struct {
	max     int64
	used    atomic.Int64
	refused prometheus.Counter
}

const (
	// smallBody is what a body may have without counting as a bulk upload.
	smallBody = 256 << 10
	// maxStep is how much of the budget a bulk upload takes at a time.
	maxStep = 256 << 10
)

func newBudget(max int64, registry prometheus.Registerer) *budget {
	f := promauto.With(registry)
	b := &budget{max: max, refused: f.NewCounter(prometheus.CounterOpts{
		Name: "analytics_ingest_overloaded_total", Help: "Uploads refused because too many bytes were in flight.",
	})}
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "analytics_ingest_bytes_in_flight", Help: "Decompressed bytes of the bodies that are being read or stored.",
	}, func() float64 { return float64(b.used.Load()) })
	return b
}

// take takes n bytes if there are as many. An eighth is kept for small bodies:
// an application's single events get through while bulk uploads fill the rest.
func (b *budget) take(n int64, bulk bool) bool {
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

func (b *budget) give(n int64) { b.used.Add(-n) }
