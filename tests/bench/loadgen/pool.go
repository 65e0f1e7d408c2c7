// Package loadgen posts events like those of many users to the service, and measures
// the answers. It uses little CPU, because it often shares a machine with what it
// measures: events are encoded once, and each request only gets its own ids.
package loadgen

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"eventanalytics/tests/harness/sample"
)

// PoolConfig says what events to make.
type PoolConfig struct {
	Seed uint64
	// Events is the number of distinct events. Defaults to 20,000.
	Events int
	// Users is the highest user id; activity follows a Zipf distribution by id.
	// Defaults to 20,000.
	Users int
	// Until is the time of the newest event. Defaults to now.
	Until time.Time
	// Late is the share, 0 to 1, of events that arrive 1 hour to 30 days late; the
	// others are at most 10 minutes old.
	Late float64
}

// Pool is encoded events, complete except for their ids. It is immutable and safe for
// concurrent use.
type Pool struct {
	native form
}

// Sent is an event as it is sent: one of the pool's with an id.
type Sent struct {
	ID    uuid.UUID
	Event int32 // index in the pool
}

// placeholder is the id in the pool's events, behind the prefix.
const (
	prefix      = `{"event_id":"`
	placeholder = "00000000-0000-0000-0000-000000000000"
)

const (
	onTime   = 10 * time.Minute
	leastLag = time.Hour
	mostLag  = 30 * 24 * time.Hour
	// meanSession is the mean number of events in a session.
	meanSession = 6
)

// NewPool makes the events: those of the repository's sample, gathered into
// sessions. The same configuration gives the same pool.
func NewPool(cfg PoolConfig) (*Pool, error) {
	if cfg.Events == 0 {
		cfg.Events = 20_000
	}
	if cfg.Users == 0 {
		cfg.Users = 20_000
	}
	if cfg.Until.IsZero() {
		cfg.Until = time.Now()
	}
	if cfg.Events < 0 || cfg.Users < 0 || cfg.Late < 0 || cfg.Late > 1 {
		return nil, fmt.Errorf("making events: %+v is out of bounds", cfg)
	}
	made := sample.Generate(sample.Config{Seed: cfg.Seed, Events: cfg.Events, Users: cfg.Users, From: cfg.Until, Days: 1})
	r := newRand(cfg.Seed, sessionStream)
	p := &Pool{native: form{events: make([][]byte, len(made)), idAt: len(prefix), begin: "[", end: "]"}}
	var session sample.Event
	var country, id string
	late := share{rate: cfg.Late}
	for i := range made {
		e := &made[i]
		e.ID = uuid.UUID{}
		if i == 0 || r.IntN(meanSession) == 0 {
			session, country, id = *e, "", ""
			session.OccurredAt = cfg.Until.UTC().Add(-time.Duration(r.Int64N(int64(onTime)))).Truncate(time.Millisecond)
		}
		e.UserID, e.OccurredAt = session.UserID, session.OccurredAt
		if late.next() {
			e.OccurredAt = e.OccurredAt.Add(-leastLag - time.Duration(r.Int64N(int64(mostLag-leastLag)))).Truncate(time.Millisecond)
		}
		text, err := json.Marshal(e)
		if err != nil {
			return nil, fmt.Errorf("encoding an event: %w", err)
		}
		// Both values have the same length in all events of the sample.
		country = same(text, `"country":"`, 2, country)
		id = same(text, `"session_id":"`, 8, id)
		if !bytes.HasPrefix(text, []byte(prefix+placeholder)) {
			return nil, fmt.Errorf("encoding an event: its id is not where it should be: %.60s", text)
		}
		p.native.events[i] = text
		// Seconds pass between two clicks, and none is in the future.
		session.OccurredAt = session.OccurredAt.Add(time.Duration(r.Int64N(int64(20 * time.Second))))
		if session.OccurredAt.After(cfg.Until) {
			session.OccurredAt = cfg.Until.UTC().Truncate(time.Millisecond)
		}
	}
	return p, nil
}

// same overwrites the value after key with one of the same length, unless that is
// empty, and returns the resulting value.
func same(text []byte, key string, length int, value string) string {
	at := bytes.Index(text, []byte(key)) + len(key)
	copy(text[at:at+length], value)
	return string(text[at : at+length])
}

// Len is the number of distinct events.
func (p *Pool) Len() int { return len(p.native.events) }

// Append adds the events to dst as a JSON array.
func (p *Pool) Append(dst []byte, events []Sent) []byte { return p.native.append(dst, events) }

func putID(dst []byte, id uuid.UUID) {
	hex.Encode(dst, id[:4])
	for at, part := 9, id[4:]; at < len(placeholder); {
		n := 2
		if at == 24 {
			n = 6
		}
		hex.Encode(dst[at:], part[:n])
		at, part = at+2*n+1, part[n:]
	}
}

// Streams of random numbers from one seed; the workers' have their numbers.
const sessionStream = ^uint64(0)

func newRand(seed, stream uint64) *rand.Rand {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	binary.LittleEndian.PutUint64(key[8:], stream)
	return rand.New(rand.NewChaCha8(key))
}

// share picks a share of many, evenly spread: of n it picks rate·n, ± 1.
type share struct{ rate, due float64 }

func (s *share) next() bool {
	if s.due += s.rate; s.due < 1-1e-9 {
		return false
	}
	s.due--
	return true
}
