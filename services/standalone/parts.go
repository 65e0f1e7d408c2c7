package standalone

import (
	"context"
	"io"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"eventanalytics/pkg/platform/boot"
	"eventanalytics/pkg/platform/logging"
	"eventanalytics/services/account"
	"eventanalytics/services/ingest"
	"eventanalytics/services/standalone/gateway"
	"eventanalytics/services/stats"
	"eventanalytics/services/syncworker"
)

// part is one of the services.
type part struct {
	name string
	boot.Service
	registry *prometheus.Registry
}

func (p part) behindGateway() gateway.Service {
	return gateway.Service{Name: p.name, Handler: p.Server().Handler()}
}

// process is the services with what they depend on.
type process struct {
	options  Options
	services Services
	logs     logging.Config
	log      *zap.Logger
	out      io.Writer
	gateway  *prometheus.Registry

	account, ingest, stats, worker part
	onClose                        []func()
}

func (p *process) close() {
	for i := len(p.onClose) - 1; i >= 0; i-- {
		p.onClose[i]()
	}
}

func (p *process) parts() []part { return []part{p.account, p.ingest, p.stats, p.worker} }

func (p *process) makeParts(ctx context.Context, db *database) (err error) {
	if p.account, err = makePart(ctx, p, db, "account", p.services.Account, account.New); err != nil {
		return err
	}
	if p.ingest, err = makePart(ctx, p, db, "ingest", p.services.Ingest, ingest.New); err != nil {
		return err
	}
	if p.stats, err = makePart(ctx, p, db, "stats", p.services.Stats, stats.New); err != nil {
		return err
	}
	p.worker, err = makePart(ctx, p, db, "syncworker", p.services.Worker, syncworker.New)
	return err
}

// makePart makes a service with a logger, a pool and a registry of its own.
func makePart[C any, S boot.Service](ctx context.Context, p *process, db *database, name string, cfg C, makeService boot.New[C, S]) (part, error) {
	log, err := logging.New(p.logs, name)
	if err != nil {
		return part{}, err
	}
	registry := prometheus.NewRegistry()
	deps, err := boot.Connect(ctx, db.config(), name, log, registry)
	if err != nil {
		return part{}, err
	}
	p.onClose = append(p.onClose, deps.Pool.Close)
	s, err := makeService(cfg, deps)
	if err != nil {
		return part{}, err
	}
	p.onClose = append(p.onClose, func() {
		if err := s.Close(); err != nil {
			log.Warn("closing the service", zap.Error(err))
		}
	})
	return part{name, s, registry}, nil
}
