package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/client"
	"eventanalytics/pkg/oracle"
)

// batch is one upload; all its events have the type kind.
type batch struct {
	kind     string
	body     string
	events   []oracle.Event
	position string // in the answer
}

const batchEvents = 20

// newBatch makes events of random users in August 2025.
func newBatch(kind string) batch {
	b := batch{kind: kind}
	var body []object
	for range batchEvents {
		at := time.Date(2025, 8, 2, 0, 0, 0, 0, time.UTC).Add(rand.N(28 * 24 * time.Hour)).Truncate(time.Second)
		e := oracle.Event{UserID: strconv.Itoa(rand.IntN(200)), Type: kind, At: at}
		b.events = append(b.events, e)
		body = append(body, object{"event_id": uuid.New(), "occurred_at": at, "user_id": e.UserID, "event_type": kind})
	}
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // these are strings and times
	}
	b.body = string(text)
	return b
}

// poster posts batches one after the other until it is stopped or one is not
// accepted.
type poster struct {
	err error // once it is stopped

	mu       sync.Mutex
	accepted []batch
	end      func()
}

// postEvery leaves the service time for the rest of the test.
const postEvery = 30 * time.Millisecond

func startPoster(c *caller) *poster {
	p := &poster{}
	quit, done := make(chan struct{}), make(chan struct{})
	p.end = sync.OnceFunc(func() { close(quit); <-done })
	go func() {
		defer close(done)
		ticker := time.NewTicker(postEvery)
		defer ticker.Stop()
		for n := 0; p.err == nil; n++ {
			select {
			case <-quit:
				return
			case <-ticker.C:
				p.err = p.post(c, newBatch(fmt.Sprintf("batch-%d", n)))
			}
		}
	}()
	return p
}

func (p *poster) post(c *caller, b batch) error {
	a, err := c.Try(context.Background(), http.MethodPost, "/api/events", strings.NewReader(b.body), "Content-Type", "application/json")
	if err != nil {
		return err
	}
	var r client.Receipt
	if err := json.Unmarshal(a.Body, &r); err != nil || a.Status != http.StatusAccepted || r.Accepted != len(b.events) {
		return fmt.Errorf("posting %s: %s", b.kind, a)
	}
	b.position = r.Position
	p.mu.Lock()
	defer p.mu.Unlock()
	p.accepted = append(p.accepted, b)
	return nil
}

// posted returns the batches that were acknowledged so far, in this order.
func (p *poster) posted() []batch {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.accepted[:len(p.accepted):len(p.accepted)]
}

// await waits until n batches were acknowledged.
func (p *poster) await(t *testing.T, n int) {
	t.Helper()
	require.Eventually(t, func() bool { return len(p.posted()) >= n }, time.Minute, postEvery/2)
}

// stop ends the posting and returns all that was acknowledged.
func (p *poster) stop() []batch {
	p.end()
	return p.posted()
}
