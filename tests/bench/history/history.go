// Package history makes the events of one large project over many days, in the
// order they arrive. The same configuration gives the same events, so that a
// measurement can be repeated a year later.
package history

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"eventanalytics/pkg/event"
)

// Config says what events to make.
type Config struct {
	Seed   uint64
	Events int64
	// Users is the approximate number of users in all.
	Users int64
	// Days of arrivals, evenly spread, that end with End.
	Days int
	// End is after the last event: midnight, UTC.
	End time.Time
}

const (
	// Types of events; the k-th is about k times rarer than the first.
	Types = 50
	// Late is the share of late events; the others are at most three seconds old
	// when they arrive.
	Late = 0.02
	// LateDays is the maximum delay of late events.
	LateDays = 30
	// Rare is the share of events with the property RareKey.
	Rare = 0.005
	// RareKey is the name of a property that few events have.
	RareKey = "coupon"
)

// Lives of users, in days: as many last from 7 to 14 as from 14 to 28, and so on.
const (
	shortestLife = 7.0
	longestLife  = 730.0
)

const day = int64(24 * time.Hour / time.Microsecond)

// countries by falling weight.
var countries = [...]string{
	"UA", "PL", "DE", "US", "FR", "SE", "NL", "RO", "ES", "IT", "GB", "CZ", "BG", "HU", "LT", "LV", "EE", "FI", "NO", "DK",
}

var (
	systems    = [...]string{"iOS", "Android", "Web", "Windows"}
	currencies = [...]string{"USD", "EUR", "UAH"}
	coupons    = [...]string{"SPRING", "SUMMER", "AUTUMN", "WINTER"}
)

// history holds what all events share.
type history struct {
	Config
	start, end int64 // µs since 1970
	slots      int64
	types      [Types + 1]string
}

// Start is the first instant: no event is earlier.
func (c Config) Start() time.Time { return c.End.AddDate(0, 0, -c.Days) }

// Type is the name of the k-th commonest type, from 1.
func Type(k int) string { return "event_type_" + strconv.Itoa(k) }

// Events yields all events in the order they arrive. The yielded event is overwritten
// by the next one; its strings are not.
func Events(cfg Config) (iter.Seq[*event.Event], error) {
	if cfg.Events < 1 || cfg.Users < 1 || cfg.Days < 1 {
		return nil, fmt.Errorf("making a history: %+v is out of bounds", cfg)
	}
	h := &history{Config: cfg, start: cfg.Start().UnixMicro(), end: cfg.End.UnixMicro()}
	// Users take a place in succession, each for as long as it lives.
	span := math.Log(longestLife / shortestLife)
	users := 1 + float64(cfg.Days)*(1/shortestLife-1/longestLife)/span
	h.slots = max(1, int64(float64(cfg.Users)/users))
	for k := range h.types {
		h.types[k] = Type(k)
	}
	return func(yield func(*event.Event) bool) {
		r := rand.New(rand.NewPCG(cfg.Seed, 1))
		var e event.Event
		buffer := make([]byte, 0, 512)
		for i := range cfg.Events {
			buffer = h.event(&e, r, i, buffer[:0])
			if !yield(&e) {
				return
			}
		}
	}, nil
}

// event makes the i-th, with buffer as scratch.
func (h *history) event(e *event.Event, r *rand.Rand, i int64, buffer []byte) []byte {
	binary.LittleEndian.PutUint64(e.ID[:], r.Uint64())
	binary.LittleEndian.PutUint64(e.ID[8:], r.Uint64())
	e.ID[6], e.ID[8] = e.ID[6]&0x0f|0x40, e.ID[8]&0x3f|0x80

	at := h.start + int64(float64(h.end-h.start)*(float64(i)+0.5)/float64(h.Events))
	if r.Float64() < Late {
		at -= r.Int64N(LateDays * day)
	} else {
		at -= r.Int64N(int64(3 * time.Second / time.Microsecond))
	}
	e.OccurredAt = max(at, h.start)

	kind := falling(r, Types)
	e.Type = h.types[kind]
	user := h.user(falling(r, h.slots), e.OccurredAt)
	buffer = append(buffer, "usr_"...)
	name := mix48(user)
	buffer = appendHex(buffer, name<<16, 6)
	buffer = properties(buffer, r, user, e.OccurredAt, kind)
	text := string(buffer) // one allocation for both
	e.UserID, e.Properties = text[:16], text[16:]
	return buffer
}

// falling picks from 1 to n, each k about as often as 1/k.
func falling(r *rand.Rand, n int64) int64 {
	return min(n, int64(math.Exp(r.Float64()*math.Log(float64(n+1)))))
}

// user is the number of the user that has a place at a time.
func (h *history) user(slot, at int64) uint64 {
	fate := mix(uint64(slot) + h.Seed<<32)
	life := shortestLife * math.Pow(longestLife/shortestLife, unit(fate))
	born := unit(mix(fate)) * life // before the start, the first of them
	generation := uint64((float64(at-h.start)/float64(day) + born) / life)
	return uint64(slot) + generation*uint64(h.slots+1)
}

// properties of about 150 bytes, appended to b.
func properties(b []byte, r *rand.Rand, user uint64, at, kind int64) []byte {
	who := mix(user)
	home := int(math.Exp(unit(who)*math.Log(float64(len(countries)+1)))) - 1
	b = append(b, `{"country":"`...)
	b = append(b, countries[min(home, len(countries)-1)]...)
	b = append(b, `","session_id":"`...)
	b = appendHex(b, mix(who+uint64(at/(day/24))), 4)
	b = append(b, `","os":"`...)
	b = append(b, systems[who%uint64(len(systems))]...)
	dice := r.Uint64()
	pick := func(n uint64) int64 {
		d := dice % n
		dice /= n
		return int64(d)
	}
	b = append(b, `","app_version":"1.`...)
	b = strconv.AppendInt(b, pick(12), 10)
	b = append(b, '.')
	b = strconv.AppendInt(b, pick(10), 10)
	b = append(b, '"')
	if kind%2 == 0 {
		b = append(b, `,"item_id":"SKU`...)
		b = strconv.AppendInt(b, 1000+pick(9000), 10)
		b = append(b, `","price":`...)
		b = strconv.AppendInt(b, 1+pick(200), 10)
		b = append(b, '.', byte('0'+pick(10)), byte('1'+pick(9)))
		b = append(b, `,"currency":"`...)
		b = append(b, currencies[pick(uint64(len(currencies)))]...)
		b = append(b, '"')
	}
	if r.Float64() < Rare {
		b = append(b, `,"`+RareKey+`":"`...)
		b = append(b, coupons[pick(uint64(len(coupons)))]...)
		b = append(b, '"')
	}
	return append(b, '}')
}

// appendHex appends the first n bytes of x in hexadecimal digits.
func appendHex(b []byte, x uint64, n int) []byte {
	var bytes [8]byte
	binary.BigEndian.PutUint64(bytes[:], x)
	return hex.AppendEncode(b, bytes[:n])
}

// unit is a number from 0 to below 1.
func unit(x uint64) float64 { return float64(x>>11) / (1 << 53) }

// mix is the finalizer of SplitMix64: it looks random and no two numbers share
// a result.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// mix48 does the same for numbers of 48 bits.
func mix48(x uint64) uint64 {
	const mask = 1<<48 - 1
	x = x * 0x9e3779b97f4a7c15 & mask
	x = (x ^ x>>23) * 0xbf58476d1ce4e5b9 & mask
	return x ^ x>>25
}

// JSONBytes is the length of an event as clients send it, the comma after it
// included.
func JSONBytes(e *event.Event) int64 {
	const frame = `{"event_id":"00000000-0000-0000-0000-000000000000","occurred_at":"2025-01-01T00:00:00.000000Z","user_id":"","event_type":"","properties":},`
	return int64(len(frame) + len(e.UserID) + len(e.Type) + len(e.Properties))
}
