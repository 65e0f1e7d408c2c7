package intake

import (
	"errors"
	"fmt"
	"time"

	"eventanalytics/pkg/names"
	"eventanalytics/services/ingest/body"
	"eventanalytics/services/ingest/store"
)

// Config of an Intake.
type Config struct {
	Limits Limits
	Kept   KeptConfig
	Names  names.Config
	Store  store.Config
}

// Limits of one request, and of all that are in flight.
type Limits struct {
	MaxBodyBytes int64         `env:"MAX_BODY_BYTES" envDefault:"67108864" doc:"Maximum bytes per request, both compressed and decompressed"`
	MaxRatio     int64         `env:"MAX_COMPRESSION_RATIO" envDefault:"200" doc:"Maximum ratio of decompressed to compressed bytes of a body"`
	MaxEvents    int           `env:"MAX_EVENTS" envDefault:"250000" doc:"Maximum events per request"`
	MaxInFlight  int64         `env:"MAX_BYTES_IN_FLIGHT" envDefault:"268435456" doc:"Maximum decompressed bytes of all requests in flight, of which a project may have three times what it leaves free; beyond it they are answered 503. A request counts as at least 64 KiB, an event as at least 200 bytes. The process takes up to three times as much memory"`
	NotBefore    time.Time     `env:"EARLIEST_EVENT" envDefault:"1970-01-01T00:00:00Z" doc:"Earliest accepted occurred_at"`
	MaxFuture    time.Duration `env:"MAX_FUTURE" envDefault:"1h" doc:"How far occurred_at may be in the future"`
}

// Validate reports everything that is wrong with the limits.
func (l *Limits) Validate() error {
	var errs []error
	for name, n := range map[string]int64{
		"MAX_BODY_BYTES": l.MaxBodyBytes, "MAX_COMPRESSION_RATIO": l.MaxRatio, "MAX_EVENTS": int64(l.MaxEvents),
	} {
		if n <= 0 {
			errs = append(errs, fmt.Errorf("%s is %d, it must be positive", name, n))
		}
	}
	if least := body.LeastBudget(l.MaxBodyBytes); l.MaxInFlight < least {
		errs = append(errs, fmt.Errorf("MAX_BYTES_IN_FLIGHT is %d, it must be at least %d for one body of MAX_BODY_BYTES to fit", l.MaxInFlight, least))
	}
	if l.MaxFuture < 0 {
		errs = append(errs, fmt.Errorf("MAX_FUTURE is %s, it cannot be negative", l.MaxFuture))
	}
	return errors.Join(errs...)
}
