package standalone

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"eventanalytics/pkg/platform/logging"
	"eventanalytics/pkg/platform/server"
	"eventanalytics/services/standalone/gateway"
)

// readyTimeout bounds how long the services take to become ready.
const readyTimeout = 2 * time.Minute

// run runs all parts. They outlive ctx: when it ends, the port closes and requests,
// which may need every part, are finished; then the parts end.
func (p *process) run(ctx context.Context, limits *redisServer, db *database) error {
	background, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	g, life := errgroup.WithContext(background)
	front, closeFront := context.WithCancel(ctx)
	defer closeFront()
	defer context.AfterFunc(life, closeFront)() // a failing part also closes the port

	if limits != nil {
		g.Go(func() error { return limits.run(life) })
	}
	g.Go(func() error { return db.watch(life, p.options.postgresDir()) })
	for _, s := range p.parts() {
		g.Go(func() error {
			err := s.Run(life)
			if err == nil && life.Err() == nil {
				err = errors.New("stopped unexpectedly")
			}
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			return nil
		})
	}
	if p.options.MetricsAddr != "" {
		ln, err := listen(ctx, p.options.MetricsAddr)
		if err != nil {
			end()
			return errors.Join(fmt.Errorf("listening on METRICS_ADDR: %w", err), g.Wait())
		}
		g.Go(func() error { return serveMetrics(life, ln, p.gateway, p.parts()) })
	}
	g.Go(func() error {
		defer end()
		return p.serve(front)
	})
	return g.Wait()
}

// serve waits until the services are ready, opens the port and serves until ctx
// ends and the last request is done.
func (p *process) serve(ctx context.Context) error {
	g := &gateway.Gateway{
		Account: p.account.behindGateway(),
		Ingest:  p.ingest.behindGateway(),
		Stats:   p.stats.behindGateway(),
		Others:  []gateway.Service{p.worker.behindGateway()},
		Log:     p.log,
	}
	if err := awaitReady(ctx, g); err != nil {
		return err
	}
	ln, err := p.options.listen(ctx)
	if err != nil {
		return err
	}
	p.log.Info("listening", zap.String(logging.Address, ln.Addr().String()))
	if err := welcome(p.out, p.options, time.Now()); err != nil {
		return errors.Join(err, ln.Close())
	}
	defer context.AfterFunc(ctx, func() { p.log.Info("stopping") })()
	ln = server.LimitConnections(ln, p.options.Connections, p.gateway)
	return server.Serve(ctx, ln, g, p.services.Ingest.HTTP)
}

func awaitReady(ctx context.Context, g *gateway.Gateway) error {
	bounded, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		states, ready := g.Ready(bounded)
		if ready {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-bounded.Done():
			return fmt.Errorf("the services did not become ready within %s: %v", readyTimeout, states)
		case <-time.After(pause):
		}
	}
}
