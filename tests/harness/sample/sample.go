// Package sample makes user events that look like a month of a small shop with
// a chat. The same configuration gives the same events, to the byte.
package sample

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
)

// Event is one event in the form the API takes it, fields in the order of the
// CSV's columns.
type Event struct {
	ID         uuid.UUID `json:"event_id"`
	OccurredAt time.Time `json:"occurred_at"` // whole seconds, local time
	UserID     int       `json:"user_id"`
	Type       string    `json:"event_type"`
	Properties any       `json:"properties_json"`
}

// Config says what to make.
type Config struct {
	Seed   uint64
	Events int
	// Users is the highest user id. Activity falls with the id, steeply: with
	// 800 users and 5,000 events some 580 users appear.
	Users int
	// From is the first local midnight; its location is that of the times.
	From time.Time
	Days int
}

// August is the repository's own sample: 5,000 events of August 2025.
func August() Config {
	return Config{
		Seed: 8, Events: 5000, Users: 800, Days: 30,
		From: time.Date(2025, time.August, 1, 0, 0, 0, 0, time.FixedZone("", 3*60*60)),
	}
}

// skew is the exponent of the users' Zipf distribution: the busiest user makes
// about a sixth of the events.
const skew = 1.08

// Generate makes the events, not sorted by time.
func Generate(cfg Config) []Event {
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], cfg.Seed)
	source := rand.NewChaCha8(seed)
	g := generator{
		source: source,
		Rand:   rand.New(source),
	}
	users := rand.NewZipf(g.Rand, skew, 1, uint64(cfg.Users-1))

	events := make([]Event, cfg.Events)
	for i := range events {
		kind := g.kind()
		events[i] = Event{
			ID:         g.uuid(),
			OccurredAt: cfg.From.AddDate(0, 0, g.IntN(cfg.Days)).Add(g.timeOfDay()),
			UserID:     int(users.Uint64()) + 1,
			Type:       kind.name,
			Properties: kind.properties(g),
		}
	}
	return events
}

// generator draws values; the source also gives bytes.
type generator struct {
	*rand.Rand
	source *rand.ChaCha8
}

func (g generator) uuid() uuid.UUID {
	return uuid.Must(uuid.NewRandomFromReader(g.source)) // the source never fails
}

// timeOfDay is normally distributed around noon with a deviation of four hours, cut
// off at midnight.
func (g generator) timeOfDay() time.Duration {
	for {
		hours := 12.5 + 4*g.NormFloat64()
		if hours >= 0 && hours < 24 {
			return time.Duration(hours * float64(time.Hour)).Truncate(time.Second)
		}
	}
}

func (g generator) money(most float64) json.Number {
	return json.Number(fmt.Sprintf("%.2f", math.Max(0.99, most*g.Float64())))
}

func (g generator) kind() kind {
	n := g.IntN(totalWeight)
	for _, k := range kinds {
		if n -= k.weight; n < 0 {
			return k
		}
	}
	panic("the weights do not add up")
}
