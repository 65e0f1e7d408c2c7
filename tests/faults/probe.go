package faults

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
)

// onceForEach posts the same events under the same Idempotency-Key to two
// projects: each takes them.
func (r *run) onceForEach(ctx context.Context) error {
	rng := newRand(0, 0)
	events := []event{newEvent(rng, 0)}
	u := upload{base: r.cluster.url(), events: events, key: "key", body: encode(events, nil)}
	for range 2 {
		p, err := r.newProject(ctx, 0)
		if err != nil {
			return err
		}
		e, err := (&client{project: p}).post(ctx, u)
		if err == nil && e.Accepted != 1 {
			err = failed("projects", "the same Idempotency-Key in another project: status %d, %d accepted", e.Status, e.Accepted)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// limited asks for accounts from an address until the limit of its kind is
// reached, and then once from another: one client's limit is not the other's, even
// though both come through the gateway.
func limited(ctx context.Context, gateway string) error {
	const most = 4 // as in settings
	for i := range most + 1 {
		status, err := register(ctx, gateway, "127.0.0.2")
		if err != nil {
			return err
		}
		if (status == http.StatusTooManyRequests) != (i == most) {
			return failed("limiter", "request %d for an account is answered %d", i+1, status)
		}
	}
	status, err := register(ctx, gateway, "127.0.0.3")
	if err == nil && status == http.StatusTooManyRequests {
		err = failed("limiter", "another client is answered %d", status)
	}
	return err
}

// register asks for an account that cannot be, from an address of this machine.
func register(ctx context.Context, gateway, from string) (status int, err error) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	transport := &http.Transport{DialContext: dialer.DialContext}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+gateway+"/api/auth/register", strings.NewReader(`{}`))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return 0, fmt.Errorf("asking for an account from %s: %w", from, err)
	}
	return response.StatusCode, response.Body.Close()
}
