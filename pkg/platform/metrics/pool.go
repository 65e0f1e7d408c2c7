package metrics

import (
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// RegisterPool registers the metrics of a service's Postgres pool.
func RegisterPool(r prometheus.Registerer, pool *pgxpool.Pool) {
	f := promauto.With(r)
	gauge := func(name, help string, value func(*pgxpool.Stat) float64) {
		f.NewGaugeFunc(prometheus.GaugeOpts{Name: Prefix + "postgres_pool_" + name, Help: help},
			func() float64 { return value(pool.Stat()) })
	}
	counter := func(name, help string, value func(*pgxpool.Stat) float64) {
		f.NewCounterFunc(prometheus.CounterOpts{Name: Prefix + "postgres_pool_" + name, Help: help},
			func() float64 { return value(pool.Stat()) })
	}
	gauge("acquired_connections", "Connections to Postgres in use.",
		func(s *pgxpool.Stat) float64 { return float64(s.AcquiredConns()) })
	gauge("idle_connections", "Connections to Postgres not in use.",
		func(s *pgxpool.Stat) float64 { return float64(s.IdleConns()) })
	gauge("max_connections", "Maximum connections to Postgres of the process.",
		func(s *pgxpool.Stat) float64 { return float64(s.MaxConns()) })
	counter("waits_total", "Times a request waited because no connection to Postgres was free.",
		func(s *pgxpool.Stat) float64 { return float64(s.EmptyAcquireCount()) })
	counter("wait_seconds_total", "Time spent waiting for a connection to Postgres.",
		func(s *pgxpool.Stat) float64 { return s.EmptyAcquireWaitTime().Seconds() })
}
