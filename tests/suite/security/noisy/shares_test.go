package noisy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/client"
	"eventanalytics/tests/harness/api"
	"eventanalytics/tests/harness/stack/cgroup"
)

// Attacks on what the service keeps for all: each account has a share of it.

// rollUpBytes is what a replica of stats may keep of roll-ups in TestRollUps: by
// default it is a GiB, which takes longer to fill.
const rollUpBytes = 8 << 20

// TestRollUps fills the memory of roll-ups with those of one project. The questions of
// a neighbour, and of a newcomer for whom there is no room, are still answered from
// theirs.
func TestRollUps(t *testing.T) {
	at, filled := fewRollUps(t)
	a := attacker(t).At("http://" + at)
	n := newNeighbour(t, at)
	n.also = []ask{{"a roll-up", func(ctx context.Context) (*api.Answer, error) { return rolledUp(ctx, n.Caller) }}}
	n.beside(t, func(ctx context.Context) {
		for upload := 0; ; upload++ {
			taken, err := filled()
			if !assert.NoError(t, err) || taken > rollUpBytes*4/5 {
				t.Logf("after %d uploads, %d of %d bytes are taken", upload, taken, rollUpBytes)
				return
			}
			answer, err := send(a, spread(upload))(ctx)
			if !assert.NoError(t, err) || !assert.Equal(t, 202, answer.Status, "%s", answer) {
				return
			}
			var r client.Receipt
			if !assert.NoError(t, json.Unmarshal(answer.Body, &r)) {
				return
			}
			if _, err = rolledUp(ctx, a, "min_position="+r.Position, "wait=30s"); !assert.NoError(t, err, "after %d uploads", upload+1) {
				return
			}
		}
	})

	newcomer := newNeighbour(t, at)
	for upload := range 4 { // more than is left
		newcomer.Upload(t, spread(upload), "Content-Type", "application/x-ndjson")
		n.work(t)
	}
	newcomer.work(t)
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		_, err := rolledUp(t.Context(), newcomer.Caller)
		assert.NoError(c, err)
	}, patience, pace)
	n.work(t)
	var answer client.Answer
	a.With("Cache-Control", "no-store").Get(t, "/api/stats/dau", "from", "2025-07-01", "to", "2025-08-01").Is(t, 200, "").Decode(t, &answer)
	require.NotEqual(t, "rollup", answer.Meta.Source, "there is room for all of them")
	alive(t)
}

// fewRollUps starts a replica of stats that can keep few roll-ups, and a gateway to it.
// filled tells how many bytes they take.
func fewRollUps(t *testing.T) (address string, filled func() (int64, error)) {
	t.Helper()
	const name = "stats with few roll-ups"
	sizes, err := readSizes()
	require.NoError(t, err)
	group, err := cgroup.New("analytics-stats", sizes.memory["stats"])
	require.NoError(t, err)
	m := &member{Group: group}
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	p, err := servers.StartServiceUnder(t.Context(), m.Command(), "stats", fmt.Sprint("WAREHOUSE_ROLLUP_BYTES=", rollUpBytes))
	require.NoError(t, err)
	m.runs(p)
	bounded[name] = m
	t.Cleanup(func() {
		delete(bounded, name)
		require.NoError(t, p.Stop())
	})
	replica := "http://" + servers.Addresses["stats"]
	address, nginx, err := startGateway(t.Context(), t.TempDir(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, nginx.Stop()) })
	require.NoError(t, api.AwaitReady(t.Context(), time.Minute, "http://"+address))
	return address, func() (int64, error) { return metric(replica, "analytics_stats_rollup_bytes") }
}

// spread is an upload of an event of each of 160 types on each of 60 days: roll-ups
// of about 8 % of rollUpBytes.
func spread(upload int) string {
	var b strings.Builder
	first := time.Date(2025, 6, 1, 10, 0, 0, 0, time.UTC)
	for n := range 160 * 60 {
		fmt.Fprintf(&b, `{"event_id":%q,"occurred_at":%q,"user_id":%d,"event_type":"spread%d"}`+"\n",
			uuid.NewString(), first.AddDate(0, 0, n%60).Format(time.RFC3339), n%97, upload*160+n/60)
	}
	return b.String()
}

// rolledUp asks for dau, and returns an error when the answer is not computed from
// roll-ups.
func rolledUp(ctx context.Context, c *api.Caller, query ...string) (*api.Answer, error) {
	a, err := c.Try(ctx, http.MethodGet, "/api/stats/dau?from=2025-07-01&to=2025-08-01"+strings.Join(append([]string{""}, query...), "&"), nil, "Cache-Control", "no-store")
	if err != nil {
		return nil, err
	}
	var answer client.Answer
	if err := json.Unmarshal(a.Body, &answer); err != nil || answer.Meta.Source != "rollup" {
		return nil, fmt.Errorf("not an answer from roll-ups: %s", a)
	}
	return a, nil
}

// metric is the value of one without labels.
func metric(base, name string) (int64, error) {
	a, err := api.Anonymous(base, nil).Try(context.Background(), http.MethodGet, "/metrics", nil)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(a.Body)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			return int64(n), err
		}
	}
	return 0, errors.New("there is no metric " + name)
}

// TestIdempotencyAnswers has more answers kept for one account than its share, some
// under the neighbour's key. The neighbour's upload, sent again and again, is always
// given its own.
func TestIdempotencyAnswers(t *testing.T) {
	const neighbours = "the neighbour's"
	a := attacker(t)
	n := newNeighbour(t, gateway)
	n.posted++
	body := fmt.Sprintf(`{"event_id":%q,"occurred_at":"%sT09:00:00Z","user_id":1,"event_type":"work"}`, uuid.NewString(), day)
	var first []byte
	n.also = []ask{{"an upload sent again", func(ctx context.Context) (*api.Answer, error) {
		answer, replayed, err := once(ctx, n.Caller, neighbours, body)
		if err != nil {
			return nil, err
		}
		if again := first != nil; replayed != again || again && !bytes.Equal(answer.Body, first) {
			return nil, fmt.Errorf("it is given another answer: %s (replayed: %t)\nthe first: %s", answer, replayed, first)
		}
		first = answer.Body
		return answer, nil
	}}}
	n.beside(t, func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		try := func(key string) (replayed bool) {
			answer, replayed, err := once(ctx, a, key, strings.ReplaceAll(body, "work", "attack"))
			return ctx.Err() == nil && assert.NoError(t, err) && assert.Equal(t, 202, answer.Status, "%s", answer) && replayed
		}
		assert.False(t, try(neighbours), "it is given the neighbour's answer")
		var wg sync.WaitGroup
		for worker := range 8 {
			wg.Go(func() {
				for n := worker; n < 2*keptKeys && ctx.Err() == nil && !t.Failed(); n += 8 {
					assert.False(t, try(fmt.Sprint(n)))
				}
			})
		}
		wg.Wait()
		for !t.Failed() && try("0") { // until the oldest are dropped
			pause(ctx, time.Second)
		}
		assert.NoError(t, ctx.Err(), "its oldest answers are kept")
		assert.True(t, try(fmt.Sprint(2*keptKeys-1)) || t.Failed(), "its newest answers are dropped, too")
	})
}

// once uploads under an idempotency key.
func once(ctx context.Context, c *api.Caller, key, body string) (a *api.Answer, replayed bool, err error) {
	a, err = c.Try(ctx, http.MethodPost, "/api/events", strings.NewReader(body), "Content-Type", "application/json", "Idempotency-Key", key)
	if err != nil {
		return nil, false, err
	}
	return a, a.Header.Get("Idempotency-Replayed") == "true", nil
}

// TestFailedLogins guesses the neighbour's password, from several addresses. The
// neighbour still logs in where it did before, and others do from anywhere.
func TestFailedLogins(t *testing.T) {
	n := newNeighbour(t, gateway)
	other := api.NewUser(t, "http://"+gateway, nil)
	place := byte(0)
	n.also = []ask{
		{"a login", func(ctx context.Context) (*api.Answer, error) { return logIn(ctx, n.Caller, n.Username, n.Password) }},
		{"a login of somebody else at a new place", func(ctx context.Context) (*api.Answer, error) {
			place++
			c, leave := at(net.IPv4(127, 0, 2, place))
			defer leave()
			return logIn(ctx, c, other.Username, other.Password)
		}},
	}
	const enough = 5 * addresses // refusals: all guesses that may be made are made
	var checked, refused atomic.Int64
	n.beside(t, func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		var wg sync.WaitGroup
		for address := range addresses {
			wg.Go(func() {
				c, leave := at(net.IPv4(127, 0, 1, byte(1+address)))
				defer leave()
				for refused.Load() < enough {
					answer, err := logIn(ctx, c, n.Username, "a guess")
					if ctx.Err() != nil || !assert.NoError(t, err) || !assert.Contains(t, []int{401, 429, 503}, answer.Status, "%s", answer) {
						return
					}
					if answer.Status == 401 {
						checked.Add(1)
					} else {
						refused.Add(1)
					}
					pause(ctx, 250*time.Millisecond) // an address may try 60 times a minute
				}
			})
		}
		wg.Wait()
	})
	t.Logf("%d guesses checked, %d refused", checked.Load(), refused.Load())
	require.GreaterOrEqual(t, refused.Load(), int64(enough), "the guesses are not bounded")
}

// at is a caller at an address of this machine.
func at(address net.IP) (c *api.Caller, leave func()) {
	through := &http.Transport{DialContext: (&net.Dialer{LocalAddr: &net.TCPAddr{IP: address}}).DialContext}
	return api.Anonymous("http://"+gateway, through), through.CloseIdleConnections
}

func logIn(ctx context.Context, c *api.Caller, username, password string) (*api.Answer, error) {
	form := url.Values{"username": {username}, "password": {password}}
	return c.Try(ctx, http.MethodPost, "/api/auth/token", strings.NewReader(form.Encode()),
		"Authorization", "", "Content-Type", "application/x-www-form-urlencoded")
}
