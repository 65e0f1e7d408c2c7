package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"eventanalytics/pkg/client"
)

// onceForEach posts the same events under the same Idempotency-Key to two
// projects: each takes them.
func (r *run) onceForEach(ctx context.Context) error {
	rng := newRand(0, 0)
	events := []event{newEvent(rng, 0)}
	u := upload{form: native, base: r.cluster.url(), events: events, key: "key"}
	for range 2 {
		p, err := r.newProject(ctx, 0)
		if err != nil {
			return err
		}
		if _, err := (&poster{project: p}).post(ctx, u); err != nil {
			return err
		}
		var stored int
		if err := r.cluster.db.QueryRow(ctx, "SELECT count(*) FROM analytics.event_ids WHERE project_id = $1", p.id).Scan(&stored); err != nil {
			return fmt.Errorf("reading the ledger: %w", err)
		}
		if stored != 1 {
			return failed("projects", "the same Idempotency-Key in another project: %d of 1 event stored", stored)
		}
	}
	return nil
}

// limited registers accounts from one address until its limit is reached, then once
// from another: two clients must not share a limit, even though both come through
// the gateway. On a busy machine Redis may answer a request too late, and the
// process's own limit applies instead, so a few attempts are made.
func limited(ctx context.Context, gateway string) (err error) {
	for i := range 5 {
		if err = limitedFrom(ctx, gateway, fmt.Sprintf("127.0.1.%d", i+1), fmt.Sprintf("127.0.2.%d", i+1)); err == nil {
			return nil
		}
	}
	return err
}

func limitedFrom(ctx context.Context, gateway, one, other string) error {
	const most = 4 // as in settings
	for i := range most + 1 {
		status, err := register(ctx, gateway, one)
		if err != nil {
			return err
		}
		if (status == http.StatusTooManyRequests) != (i == most) {
			return failed("limiter", "request %d for an account is answered %d", i+1, status)
		}
	}
	status, err := register(ctx, gateway, other)
	if err == nil && status == http.StatusTooManyRequests {
		err = failed("limiter", "another client is answered %d", status)
	}
	return err
}

// register asks for an invalid account from one of this machine's addresses.
func register(ctx context.Context, gateway, from string) (status int, err error) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	transport := &http.Transport{DialContext: dialer.DialContext}
	defer transport.CloseIdleConnections()
	c, err := client.New(client.Config{URL: "http://" + gateway, Transport: transport})
	if err != nil {
		return 0, err
	}
	r, err := c.Do(ctx, client.Request{
		Method: http.MethodPost, Path: "/api/auth/register", Header: http.Header{"Content-Type": {"application/json"}}, Body: strings.NewReader(`{}`),
	})
	if err != nil {
		return 0, fmt.Errorf("asking for an account from %s: %w", from, err)
	}
	return r.Status, nil
}

// crossing posts the same events to both ingest replicas at once, in opposite
// orders: they must not deadlock, and each event must be new to one of them.
func crossing(ctx context.Context, c *cluster, rng *rand.Rand) (bool, error) {
	for range 3 {
		events := make([]event, 3000) // too many to share a transaction
		for i := range events {
			events[i] = newEvent(rng, 0)
		}
		var accepted [2]int
		g, ctx := errgroup.WithContext(ctx)
		for i, replica := range []string{"ingest-1", "ingest-2"} {
			u := upload{form: native, base: c.services[replica].url(), events: slices.Clone(events)}
			if i == 1 {
				slices.Reverse(u.events)
			}
			g.Go(func() error {
				e, err := (&poster{project: c.spare}).post(ctx, u)
				if err == nil && e.Status != u.form.stored {
					err = failed("answers", "uploads that cross: %s answers %d", replica, e.Status)
				}
				accepted[i] = e.Accepted
				return err
			})
		}
		if err := g.Wait(); err != nil {
			return false, err
		}
		if accepted[0]+accepted[1] != len(events) {
			return false, failed("accepted", "uploads that cross: %d and %d of %d events are new", accepted[0], accepted[1], len(events))
		}
	}
	return true, nil
}
