package exactness

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// fact is an event, and all that the service must keep of it.
type fact struct {
	ID    uuid.UUID
	At    time.Time // to the microsecond
	User  string
	Type  string
	Props string // JSON as sent; empty for none
}

// What the outbox has to escape, and what must come back digit for digit.
var (
	types = []string{"view", "purchase", "Купівля", `a\tb`, "👍"}
	props = []string{
		"", `{}`, `{"price": 1.50, "tags":["a","b"]}`, `{"path":"C:\\temp\\new","tab":"a\tb\r\n"}`,
		"{\t\"n\" : 9007199254740993\t}", `{"quote":"\"","emoji":"👍","nested":{"a":{"b":null}}}`,
	}
)

// newFacts makes n events of August 2025, with a user each: an event that is lost
// and one counted twice cannot make up for each other. Half of the ids are close
// together, as those that clients make from the time.
func newFacts(rng *rand.Rand, n int) []fact {
	facts := make([]fact, n)
	for i := range facts {
		f := fact{
			At:    time.Date(2025, 8, 2, 0, 0, 0, 0, time.UTC).Add(time.Duration(rng.Int64N(28*24*3600*1e6)) * time.Microsecond),
			Type:  types[rng.IntN(len(types))],
			Props: props[rng.IntN(len(props))],
		}
		for b := range f.ID {
			f.ID[b] = byte(rng.Uint32())
		}
		if i%2 == 0 {
			copy(f.ID[:], "\x01\x98\x6c")
		}
		f.User = fmt.Sprintf("u\t%x\\%d", f.ID[10:], i)
		facts[i] = f
	}
	return facts
}

// json writes the event as a client would, on one line.
func (f *fact) json() []byte {
	text := func(s string) []byte {
		b, err := json.Marshal(s)
		if err != nil {
			panic(err) // of a string
		}
		return b
	}
	b := fmt.Appendf(nil, `{"event_id":"%s","occurred_at":"%s","user_id":%s,"event_type":%s`,
		f.ID, f.At.Format(time.RFC3339Nano), text(f.User), text(f.Type))
	if f.Props != "" {
		b = append(append(b, `,"properties":`...), f.Props...)
	}
	return append(b, '}')
}

// order is how a client sorts what it sends.
type order int

const (
	sorted order = iota
	reversed
	shuffled
	orders
)

func (o order) apply(rng *rand.Rand, facts []fact) {
	switch o {
	case sorted:
		slices.SortFunc(facts, func(a, b fact) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	case reversed:
		slices.SortFunc(facts, func(a, b fact) int { return bytes.Compare(b.ID[:], a.ID[:]) })
	default:
		rng.Shuffle(len(facts), func(i, j int) { facts[i], facts[j] = facts[j], facts[i] })
	}
}

// pick returns n of the facts, or fewer, in one of the orders.
func pick(rng *rand.Rand, facts []fact, n int, o order) []fact {
	some := make([]fact, 0, n)
	for _, i := range rng.Perm(len(facts))[:min(n, len(facts))] {
		some = append(some, facts[i])
	}
	o.apply(rng, some)
	return some
}

// upload is a body with its headers.
type upload struct {
	body   []byte
	header map[string]string
	atomic bool
}

// jsonUpload is a JSON array of the facts.
func jsonUpload(facts []fact) upload { return newUpload(facts, nil, false, "") }

// newUpload writes facts, and between them texts that are no events.
func newUpload(facts []fact, invalid []string, ndjson bool, encoding string) upload {
	u := upload{header: map[string]string{"Content-Type": "application/json"}}
	first, between, last := "[", ",\n", "]"
	if ndjson {
		u.header["Content-Type"] = "application/x-ndjson"
		first, between, last = "", "\n", "\n"
	}
	var b bytes.Buffer
	b.WriteString(first)
	for i := range facts {
		if i > 0 {
			b.WriteString(between)
		}
		if i < len(invalid) {
			b.WriteString(invalid[i] + between)
		}
		b.Write(facts[i].json())
	}
	b.WriteString(last)
	u.body = b.Bytes()
	if encoding != "" {
		u.header["Content-Encoding"] = encoding
		u.body = compress(u.body, encoding)
	}
	return u
}

var zstdWriter, _ = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1)) // without a writer it cannot fail

func compress(b []byte, encoding string) []byte {
	if encoding == "zstd" {
		return zstdWriter.EncodeAll(b, nil)
	}
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(b) // a Buffer never fails
	_ = z.Close()
	return out.Bytes()
}
