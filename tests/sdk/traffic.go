package sdk

import (
	"net/http"
	"sync"
)

// traffic is what the proxy has seen of one run.
type traffic struct {
	fault     fault
	key       string
	recording bool

	mu       sync.Mutex
	struck   int
	requests int
	// By number of event: requests that the service took, those of them whose success the
	// SDK was told, those that died while they were committed, and those of which nothing
	// can be stored.
	stored, told, unclear, lost map[int]int
	refusals                    []string // that no fault explains
	recorded                    []recorded
}

func newTraffic(f fault, key string) *traffic {
	return &traffic{
		fault: f, key: key,
		stored: map[int]int{}, told: map[int]int{}, unclear: map[int]int{}, lost: map[int]int{},
	}
}

// next says whether the fault strikes the next request with events.
func (t *traffic) next() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.requests++
	if t.struck >= t.fault.strikes {
		return false
	}
	t.struck++
	return true
}

// missed takes back a strike that did not happen.
func (t *traffic) missed() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.struck--
}

// note counts the events of a request in each of the tables.
func (t *traffic) note(marks []int, tables ...map[int]int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, table := range tables {
		for _, n := range marks {
			table[n]++
		}
	}
}

// answered notes what the service said to a request with events that no fault struck.
func (t *traffic) answered(marks []int, a *answer) {
	if success(a.status) {
		t.note(marks, t.stored, t.told)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refusals = append(t.refusals, a.String())
}

func success(status int) bool { return status >= http.StatusOK && status < http.StatusMultipleChoices }

// settled says whether nothing more is to come: each event is told to be stored, or the
// SDK has given it up, as it is known to do with what this fault strikes.
func (t *traffic) settled(count int, loses bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for n := range count {
		if t.told[n] > 0 || loses && t.stored[n]+t.unclear[n]+t.lost[n] > 0 {
			continue
		}
		return false
	}
	return true
}
