package server

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"eventanalytics/pkg/platform/config"
)

// Healthcheck is the command that checks the service listening at ADDR on this
// machine. Images without a shell use it.
type Healthcheck struct {
	Ready bool `help:"Check that it is ready for requests, not just alive."`
}

// Run returns nil if the service is healthy.
func (h Healthcheck) Run(ctx context.Context) error {
	cfg, err := config.Load[Config]()
	if err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(cfg.Addr)
	if err != nil {
		return fmt.Errorf("reading ADDR: %w", err)
	}
	return h.Ask(ctx, port)
}

// Ask checks whatever listens on a port of this machine.
func (h Healthcheck) Ask(ctx context.Context, port string) error {
	path := "/healthz"
	if h.Ready {
		path = "/readyz"
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:"+port+path, nil)
	if err != nil {
		return fmt.Errorf("building the request: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("checking health: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s is %s", path, resp.Status)
	}
	return nil
}
