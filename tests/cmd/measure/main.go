// Command measure runs the service on this machine and prints how long uploads
// take: POST → 202, and POST → visible in the statistics. It asserts nothing.
package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"time"

	"eventanalytics/tests/harness/sample"
	"eventanalytics/tests/harness/stack"
)

func main() {
	services := flag.Bool("services", false, "measure the services behind nginx, not the standalone")
	rounds := flag.Int("rounds", 20, "uploads of each size")
	flag.Parse()
	if err := run(context.Background(), *services, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "measure:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, services bool, rounds int) (err error) {
	start, names := stack.Standalone, []string{"standalone"}
	if services {
		start, names = stack.Services, []string{"account", "ingest", "syncworker", "stats"}
	}
	if err := stack.Build(ctx, names...); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "analytics-measure-")
	if err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		return fmt.Errorf("opening the folder: %w", err)
	}
	s, err := start(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()

	c := client{base: s.URL}
	if err := c.register(ctx); err != nil {
		return err
	}
	fmt.Printf("%8s %7s %12s %12s %12s %12s\n", "events", "rounds", "202 p50", "202 max", "visible p50", "visible max")
	for _, n := range []int{1, 1_000, 100_000} {
		if n == 100_000 {
			rounds = min(rounds, 5)
		}
		if err := c.measure(ctx, n, rounds); err != nil {
			return err
		}
	}
	return nil
}

type client struct{ base, token string }

func (c *client) register(ctx context.Context) error {
	const name, password = "measure", "correct horse battery staple"
	body, err := json.Marshal(map[string]string{"username": name, "password": password})
	if err != nil {
		return err
	}
	if err := c.do(ctx, http.MethodPost, "/api/auth/register", "application/json", bytes.NewReader(body), nil); err != nil {
		return err
	}
	form := url.Values{"username": {name}, "password": {password}}.Encode()
	var tokens struct {
		Access string `json:"access_token"`
	}
	err = c.do(ctx, http.MethodPost, "/api/auth/token", "application/x-www-form-urlencoded", bytes.NewReader([]byte(form)), &tokens)
	c.token = tokens.Access
	return err
}

func (c *client) measure(ctx context.Context, events, rounds int) error {
	var accepted, visible []time.Duration
	for round := range rounds {
		var body bytes.Buffer
		err := sample.WriteJSON(&body, sample.Generate(sample.Config{
			Seed: uint64(events*1000 + round), Events: events, Users: 20_000, Days: 30,
			From: time.Date(2025, 8, 1, 0, 0, 0, 0, time.UTC),
		}))
		if err != nil {
			return err
		}
		begin := time.Now()
		var receipt struct {
			Accepted int
			Position string
		}
		if err := c.do(ctx, http.MethodPost, "/api/events", "application/json", &body, &receipt); err != nil {
			return err
		}
		accepted = append(accepted, time.Since(begin))
		if receipt.Accepted != events {
			return fmt.Errorf("%d of %d events were accepted", receipt.Accepted, events)
		}
		query := url.Values{"min_position": {receipt.Position}, "wait": {"30s"}}.Encode()
		if err := c.do(ctx, http.MethodGet, "/api/stats/event-types?"+query, "", nil, nil); err != nil {
			return err
		}
		visible = append(visible, time.Since(begin))
	}
	slices.SortFunc(accepted, cmp.Compare[time.Duration])
	slices.SortFunc(visible, cmp.Compare[time.Duration])
	ms := func(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }
	fmt.Printf("%8d %7d %12s %12s %12s %12s\n", events, rounds,
		ms(accepted[rounds/2]), ms(accepted[rounds-1]), ms(visible[rounds/2]), ms(visible[rounds-1]))
	return nil
}

func (c *client) do(ctx context.Context, method, path, contentType string, body io.Reader, into any) error {
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return err
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("reading the answer of %s: %w", path, err)
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("%s %s: %s: %s", method, path, response.Status, answer)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer, into)
}
