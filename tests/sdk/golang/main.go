// Command golang records the known set by an SDK for Go, as an application would. It is
// called like the scripts for Node (../server/run.js), and is a module of its own so that
// the SDKs are no dependencies of anything else.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"
)

// order is what the test wants recorded.
type order struct {
	SDK   string
	URL   string
	Key   string
	Count int
	Base  int64 // time of event 0, in milliseconds
	Run   string
}

// event of the known set, which ../event.js describes.
type event struct {
	id, name, user string
	at             time.Time // zero: now
	properties     map[string]any
}

func (o *order) events() []event {
	all := make([]event, o.Count)
	for n := range all {
		all[n] = event{
			id: fmt.Sprintf("%s-0000-4000-8000-%012d", o.Run, n), name: fmt.Sprintf("order_%d", n%3), user: fmt.Sprintf("user-%d", n%5),
			properties: map[string]any{
				"mark": fmt.Sprintf("mark-%03d", n), "n": n, "price": float64(n) + 0.75, "text": `héllo ✓ "q" \ 😀`,
				"nested": map[string]any{"list": []any{1, "two", nil}, "on": true},
			},
		}
		if n%4 == 0 {
			all[n].at = time.UnixMilli(o.Base + int64(n)*1000)
		}
	}
	return all
}

// sdks record events and return how they are ended.
var sdks = map[string]func(context.Context, *order) (stop func() error, err error){
	"posthog": posthogSDK, "segment": segmentSDK, "cloudevents": cloudeventsSDK, "opentelemetry": opentelemetrySDK,
}

func run(ctx context.Context) error {
	var o order
	if err := json.Unmarshal([]byte(os.Args[1]), &o); err != nil {
		return err
	}
	stop, err := sdks[o.SDK](ctx, &o)
	if err != nil {
		return err
	}
	fmt.Println("recorded")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	return stop()
}

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
