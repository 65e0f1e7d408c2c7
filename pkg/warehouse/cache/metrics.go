package cache

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics are of one process's cache.
type Metrics struct {
	hits, misses, evictions prometheus.Counter
	cache                   atomic.Pointer[Cache]
}

// NewMetrics registers the metrics. Without a cache they stay at 0.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	f := promauto.With(registry)
	counter := func(name, help string) prometheus.Counter {
		return f.NewCounter(prometheus.CounterOpts{Name: "analytics_warehouse_cache_" + name, Help: help})
	}
	m := &Metrics{
		hits:      counter("hits_total", "Files of segments that were needed and had a local copy; without a bucket, 0."),
		misses:    counter("misses_total", "Files of segments that were needed and had no local copy."),
		evictions: counter("evictions_total", "Local copies that were removed for others; WAREHOUSE_CACHE_BYTES bounds them."),
	}
	gauge := func(name, help string, value func(*Cache) float64) {
		f.NewGaugeFunc(prometheus.GaugeOpts{Name: "analytics_warehouse_cache_" + name, Help: help}, func() float64 {
			if c := m.cache.Load(); c != nil {
				return value(c)
			}
			return 0
		})
	}
	gauge("bytes", "Size of the local copies of segments' files; WAREHOUSE_CACHE_BYTES bounds it, except for those in use.", func(c *Cache) float64 {
		c.mu.Lock()
		defer c.mu.Unlock()
		return float64(c.bytes)
	})
	gauge("pinned_bytes", "Size of the local copies that are in use.", func(c *Cache) float64 {
		c.mu.Lock()
		defer c.mu.Unlock()
		return float64(c.pinned)
	})
	gauge("waiting_downloads", "Downloads that wait for their project's turn.", func(c *Cache) float64 {
		_, waiting := c.Downloading()
		return float64(waiting)
	})
	return m
}

// follow has the gauges show a cache.
func (m *Metrics) follow(c *Cache) { m.cache.Store(c) }
