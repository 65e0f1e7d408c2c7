package noisy

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"

	"eventanalytics/tests/harness/api"
)

// holding is for how long requests are held.
const holding = 10 * time.Second

// Every attack is one that some version of the service did not survive, or that kept
// its neighbours from working.

// TestDistinctTypes uploads as many names of event types as uploads hold.
func TestDistinctTypes(t *testing.T) {
	a := attacker(t)
	beside(t, func(ctx context.Context) {
		for upload := range 15 {
			body := types(60_000, upload, 200)
			answer, err := a.Try(ctx, http.MethodPost, "/api/events", bytes.NewReader(body), "Content-Type", "application/json")
			if assert.NoError(t, err) {
				assert.Contains(t, []int{202, 422, 429, 503}, answer.Status, "%s", answer)
			}
		}
	})
	a.Get(t, "/api/stats/event-types").Is(t, 200, "")
}

// TestManyTypes does so with short names, so many that they made the list of event
// types too long to be answered.
func TestManyTypes(t *testing.T) {
	a := attacker(t)
	beside(t, func(ctx context.Context) {
		for upload := range 9 {
			body := types(60_000, upload, 5)
			answer, err := a.Try(ctx, http.MethodPost, "/api/events", bytes.NewReader(body), "Content-Type", "application/json")
			if assert.NoError(t, err) {
				assert.Contains(t, []int{202, 422, 429, 503}, answer.Status, "%s", answer)
			}
		}
	})
	a.Get(t, "/api/stats/event-types").Is(t, 200, "")
}

// types is an upload of events of as many types, whose names have that many
// characters of four bytes each.
func types(events, upload, length int) []byte {
	var b bytes.Buffer
	b.WriteByte('[')
	rest := strings.Repeat("🎈", length-4)
	for n := range events {
		if n > 0 {
			b.WriteByte(',')
		}
		at := upload*events + n
		name := []rune{}
		for range 4 {
			name = append(name, rune(0x1F400+at%64))
			at /= 64
		}
		fmt.Fprintf(&b, `{"event_id":%q,"occurred_at":"2025-08-01T10:00:00Z","user_id":1,"event_type":"%s%s"}`, uuid.NewString(), string(name), rest)
	}
	b.WriteByte(']')
	return b.Bytes()
}

// TestLongAnswers asks for answers of hundreds of megabytes, four at once.
func TestLongAnswers(t *testing.T) {
	a := attacker(t)
	last := a.Upload(t, string(types(48, 0, 200)))
	a.Visible(t, last.Position, "/api/stats/event-types")
	beside(t, func(ctx context.Context) {
		var wg sync.WaitGroup
		for n := range 4 {
			wg.Go(func() {
				path := fmt.Sprintf("/api/stats/events?from=2024-07-%02d&to=2025-08-31&interval=hour&by=event_type&fill=zero", n+1)
				answer, err := a.Try(ctx, http.MethodGet, path, nil)
				if assert.NoError(t, err) {
					assert.Contains(t, []int{200, 422, 429, 503}, answer.Status, "%s", answer)
				}
			})
		}
		wg.Wait()
	})
}

// TestSlowReaders asks for large answers and does not read them.
func TestSlowReaders(t *testing.T) {
	a := attacker(t)
	var b bytes.Buffer
	for range 1000 {
		fmt.Fprintf(&b, `{"event_id":%q,"occurred_at":"2025-08-01T10:00:00Z","user_id":1,"event_type":"large","properties":{"p":%q}}`+"\n",
			uuid.NewString(), strings.Repeat("x", 32<<10-100))
	}
	last := a.Upload(t, b.String(), "Content-Type", "application/x-ndjson")
	a.Visible(t, last.Position, "/api/stats/event-types")
	beside(t, func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, holding)
		defer cancel()
		holdMany(ctx, gateway, 40, fmt.Sprintf("GET /api/stats/events/latest?limit=1000 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", a.Token()))
	})
}

// TestInvalidItems uploads small bodies of which every item is an error.
func TestInvalidItems(t *testing.T) {
	a := attacker(t)
	body := "[" + strings.Repeat("0,", 249_999) + "0]"
	beside(t, func(ctx context.Context) {
		var wg sync.WaitGroup
		for range 25 {
			wg.Go(func() {
				answer, err := a.Try(ctx, http.MethodPost, "/api/events", strings.NewReader(body), "Content-Type", "application/json")
				if assert.NoError(t, err) {
					assert.Contains(t, []int{422, 429, 503}, answer.Status, "%s", answer)
				}
			})
		}
		wg.Wait()
	})
}

// TestHeldUploads sends most of large uploads, without a credential, and never the
// rest: as many as the gateway's folder for bodies has space for.
func TestHeldUploads(t *testing.T) {
	beside(t, func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, holding)
		defer cancel()
		holdMany(ctx, gateway, 445, "POST /api/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n"+part(999_000))
	})
}

// TestSlowRequests begins requests, without a credential, and never ends them.
func TestSlowRequests(t *testing.T) {
	for name, request := range map[string]string{
		"header": "GET /healthz HTTP/1.1\r\nHost: x\r\n",
		"body":   "POST /api/auth/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
	} {
		t.Run(name, func(t *testing.T) {
			beside(t, func(ctx context.Context) {
				ctx, cancel := context.WithTimeout(ctx, holding)
				defer cancel()
				holdMany(ctx, gateway, 1200, request)
			})
		})
	}
}

// TestStalledUploads does with a credential what TestHeldUploads does without, at the
// ingest service itself, which a gateway of another kind passes bodies to as they come.
func TestStalledUploads(t *testing.T) {
	key, _ := attacker(t).Key(t, "ingest")
	beside(t, func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, holding)
		defer cancel()
		holdMany(ctx, servers.Addresses["ingest"], 235, fmt.Sprintf("POST /api/events HTTP/1.1\r\nHost: x\r\nX-API-Key: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", key, 1<<20)+part(1<<20-1))
	})
}

// part is that many bytes of an upload.
func part(bytes int) string {
	event := `{"event_id":"1f3b0f6e-5d0f-4c39-9a52-6b1c3c1f7a10","occurred_at":"2025-08-01T10:00:00Z","user_id":1,"event_type":"never ended"},`
	return ("[" + strings.Repeat(event, bytes/len(event)+1))[:bytes]
}

// TestFilterBombs asks questions whose filters are dear, many at once.
func TestFilterBombs(t *testing.T) {
	a := attacker(t)
	var b bytes.Buffer
	for n := range 5000 {
		fmt.Fprintf(&b, `{"event_id":%q,"occurred_at":"2025-08-01T10:00:00Z","user_id":%d,"event_type":"bomb","properties":{"a":{"n":%d}}}`+"\n", uuid.NewString(), n, n)
	}
	last := a.Upload(t, b.String(), "Content-Type", "application/x-ndjson")
	a.Visible(t, last.Position, "/api/stats/event-types")
	list := func(from int) string {
		numbers := make([]string, 300)
		for n := range numbers {
			numbers[n] = fmt.Sprint((from + n) % 100) // a condition has at most 1,000 characters
		}
		return "properties.a.n:in(" + strings.Join(numbers, ",") + ")"
	}
	one := url.Values{"segment": {list(0)}}
	many := url.Values{}
	for n := range 49 { // a URI has 8 KiB: a body has more
		many.Add("segment", list(n))
	}
	beside(t, func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, holding)
		defer cancel()
		var wg sync.WaitGroup
		var asked atomic.Int64
		for n := range 6 {
			wg.Go(func() {
				for ctx.Err() == nil {
					segments := one["segment"]
					if n%2 == 1 {
						segments = many["segment"]
					}
					// Another day each time: no answer is remembered.
					body := api.Object{"from": "2025-07-01", "to": "2025-08-01", "segment": append(segments[:len(segments):len(segments)], fmt.Sprintf("event_type!=none%d", asked.Add(1)))}
					answer, err := try(ctx, a, "/api/stats/dau", body)
					if ctx.Err() != nil {
						return
					}
					if assert.NoError(t, err) {
						assert.Contains(t, []int{200, 422, 429, 503, 504}, answer.Status, "%s", answer)
					}
					if answer != nil && answer.Status == 429 {
						pause(ctx, time.Second)
					}
				}
			})
		}
		wg.Wait()
		t.Logf("%d dear questions", asked.Load())
	})
}

// try posts a question, from any goroutine.
func try(ctx context.Context, c *api.Caller, path string, question api.Object) (*api.Answer, error) {
	body, err := jsonOf(question)
	if err != nil {
		return nil, err
	}
	return c.Try(ctx, http.MethodPost, path, body, "Content-Type", "application/json")
}

func jsonOf(v any) (io.Reader, error) {
	text, err := json.Marshal(v)
	return bytes.NewReader(text), err
}
