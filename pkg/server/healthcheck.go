package server

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"eventanalytics/pkg/config"
)

// Healthcheck asks the service that listens on this machine at ADDR whether it
// is alive. Images without a shell use it.
func Healthcheck(ctx context.Context) error {
	cfg, err := config.Load[Config]()
	if err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(cfg.Addr)
	if err != nil {
		return fmt.Errorf("reading ADDR: %w", err)
	}
	return CheckHealth(ctx, port)
}

// CheckHealth asks whatever listens on a port of this machine.
func CheckHealth(ctx context.Context, port string) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:"+port+"/healthz", nil)
	if err != nil {
		return fmt.Errorf("building the request: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("asking for health: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("health is %s", resp.Status)
	}
	return nil
}
