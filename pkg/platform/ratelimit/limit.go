package ratelimit

import (
	"encoding"
	"fmt"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"golang.org/x/time/rate"
)

// Limit is a token bucket: Rate tokens come back per Period, Burst fit in. As
// text: "2000/s burst 4000", with s, m or h; without a burst it equals the rate.
type Limit struct {
	Rate   int
	Period time.Duration
	Burst  int
}

var _ encoding.TextUnmarshaler = (*Limit)(nil)

var periods = map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}

// UnmarshalText reads the text form.
func (l *Limit) UnmarshalText(text []byte) error {
	var n, burst int
	var unit string
	s := string(text)
	if _, err := fmt.Sscanf(s, "%d/%1s burst %d", &n, &unit, &burst); err != nil {
		if _, err := fmt.Sscanf(s, "%d/%1s", &n, &unit); err != nil {
			return fmt.Errorf("%q is no limit such as \"20/s burst 60\"", s)
		}
		burst = n
	}
	limit := Limit{Rate: n, Period: periods[unit], Burst: burst}
	if n <= 0 || burst <= 0 || limit.Period == 0 || (s != limit.String() && s != fmt.Sprintf("%d/%s", n, unit)) {
		return fmt.Errorf("%q is no limit such as \"20/s burst 60\"", s)
	}
	*l = limit
	return nil
}

func (l Limit) String() string {
	for unit, period := range periods {
		if period == l.Period {
			return fmt.Sprintf("%d/%s burst %d", l.Rate, unit, l.Burst)
		}
	}
	return fmt.Sprintf("%d/%s burst %d", l.Rate, l.Period, l.Burst)
}

// interval is the time after which one token comes back.
func (l Limit) interval() time.Duration { return l.Period / time.Duration(l.Rate) }

// half is the limit of one process that cannot know what the others admit.
func (l Limit) half() Limit {
	return Limit{Rate: (l.Rate + 1) / 2, Period: l.Period, Burst: (l.Burst + 1) / 2}
}

func (l Limit) redis() redis_rate.Limit {
	return redis_rate.Limit{Rate: l.Rate, Period: l.Period, Burst: l.Burst}
}

func (l Limit) local() *rate.Limiter {
	return rate.NewLimiter(rate.Limit(float64(l.Rate)/l.Period.Seconds()), l.Burst)
}
