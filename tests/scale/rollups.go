package scale

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"eventanalytics/pkg/warehouse/rollup"
)

// What a made roll-up has: the events of bench-stats, scaled down. A user is there on a
// twentieth of the days, and has five or six events then, of fifty types.
const (
	madeTypes     = 50
	eventsOfVisit = 5.6
)

// inMemory is a roll-up without a file.
type inMemory []byte

func (m inMemory) Open() (rollup.ReadAtCloser, error) {
	return struct {
		*bytes.Reader
		io.Closer
	}{bytes.NewReader(m), io.NopCloser(nil)}, nil
}

// rollUpBytes returns how many bytes of memory a made roll-up takes for each event.
func rollUpBytes(events int) (float64, error) {
	random := rand.New(rand.NewPCG(1, 1))
	var sum rollup.Builder
	start := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	users := uint32(events / eventsOfUser)
	for n := 0; n < events; {
		user, at := random.Uint32N(users), start.AddDate(0, 0, random.IntN(daysOfSize)).Add(time.Duration(random.IntN(20*3600))*time.Second)
		for range int(eventsOfVisit + random.Float64()) {
			// Few types are frequent, as in all products.
			kind := int(madeTypes * random.Float64() * random.Float64() * random.Float64())
			sum.Add(at.UnixMicro(), fmt.Sprint("type ", kind), user, "")
			at, n = at.Add(time.Duration(random.IntN(600))*time.Second), n+1
		}
	}
	data, err := sum.Bytes(1)
	if err != nil {
		return 0, err
	}
	f, err := rollup.Read(inMemory(data), int64(len(data)))
	if err != nil {
		return 0, err
	}
	return float64(f.Memory()) / float64(f.Events), nil
}

func rollUps(cfg Config, perEvent float64) []Row {
	return []Row{{
		"Roll-ups in the memory of a replica", each(cfg.Sizes, func(s Size) string { return bytesText(int64(perEvent * float64(s.Events))) }),
		fmt.Sprintf("run: `rollup.File.Memory` of %s made events, %.2f B an event, which is less in larger projects; computed: times the events", count(int64(cfg.RollUp)), perEvent),
	}}
}
