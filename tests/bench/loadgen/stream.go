package loadgen

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
)

// StreamConfig says how a stream picks what to send.
type StreamConfig struct {
	Seed uint64
	// Number tells the streams of one seed apart: no two share an id.
	Number uint64
	// UUID is the version of the ids, 4 or 7. Defaults to 4.
	UUID int
	// Duplicates is the share of events, 0 to below 1, that repeat one of the older
	// half of the stream's last 65,536 events, so that most of those have been
	// answered and requests do not wait for each other.
	Duplicates float64
	// Clock gives the times in ids of version 7. Defaults to time.Now.
	Clock func() time.Time
}

// history is how many events back a duplicate may reach.
const history = 1 << 16

// Stream picks events from a pool and gives them ids. It is not safe for concurrent
// use.
type Stream struct {
	pool       *Pool
	rand       *rand.Rand
	clock      func() time.Time
	version    int
	next       int // in the pool
	duplicates share
	sent       []Sent // the last ones, a ring once it is full
	oldest     int    // in sent
}

// NewStream starts at a random event of the pool, so that streams differ.
func NewStream(pool *Pool, cfg StreamConfig) (*Stream, error) {
	if cfg.UUID == 0 {
		cfg.UUID = 4
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.UUID != 4 && cfg.UUID != 7 {
		return nil, fmt.Errorf("UUIDs of version %d are not made, only of 4 and 7", cfg.UUID)
	}
	if cfg.Duplicates < 0 || cfg.Duplicates >= 1 {
		return nil, fmt.Errorf("a share of %v duplicates is not from 0 to below 1", cfg.Duplicates)
	}
	r := newRand(cfg.Seed, cfg.Number)
	return &Stream{
		pool: pool, rand: r, clock: cfg.Clock, version: cfg.UUID, next: r.IntN(pool.Len()),
		duplicates: share{rate: cfg.Duplicates},
	}, nil
}

// Append adds the next n events to dst.
func (s *Stream) Append(dst []Sent, n int) []Sent {
	var milliseconds int64
	if s.version == 7 {
		milliseconds = s.clock().UnixMilli()
	}
	for range n {
		if s.duplicates.next() && len(s.sent) > 0 {
			older := s.rand.IntN((len(s.sent) + 1) / 2)
			dst = append(dst, s.sent[(s.oldest+older)%len(s.sent)])
			continue
		}
		e := Sent{ID: s.id(milliseconds), Event: int32(s.next)}
		s.next = (s.next + 1) % s.pool.Len()
		s.remember(e)
		dst = append(dst, e)
	}
	return dst
}

func (s *Stream) remember(e Sent) {
	switch {
	case s.duplicates.rate == 0:
	case len(s.sent) < history:
		s.sent = append(s.sent, e)
	default:
		s.sent[s.oldest] = e
		s.oldest = (s.oldest + 1) % history
	}
}

func (s *Stream) id(milliseconds int64) (id uuid.UUID) {
	binary.LittleEndian.PutUint64(id[:], s.rand.Uint64())
	binary.LittleEndian.PutUint64(id[8:], s.rand.Uint64())
	if s.version == 7 {
		for i := range 6 {
			id[i] = byte(milliseconds >> (40 - 8*i))
		}
	}
	id[6] = id[6]&0x0f | byte(s.version<<4)
	id[8] = id[8]&0x3f | 0x80
	return id
}
