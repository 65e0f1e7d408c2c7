// Package sdk is what the protocols of vendors' SDKs share: finding the key, reading
// bodies, ids, times, browsers' questions, waiting, the quarantine. Each protocol is a
// folder below; docs/sdks says what users see.
package sdk

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/platform/ratelimit"
	"eventanalytics/services/ingest/body"
	"eventanalytics/services/ingest/intake"
)

// Config of the SDKs' routes.
type Config struct {
	Protocols   []string      `env:"SDK_PROTOCOLS" doc:"Protocols of SDKs that are served, comma-separated; all when empty"`
	CORSOrigins []string      `env:"SDK_CORS_ORIGINS" doc:"Origins of pages that may send by an SDK, comma-separated; any when empty"`
	StoreIP     bool          `env:"SDK_STORE_IP" envDefault:"false" doc:"Store the client's address with events of SDKs, as $ip"`
	Wait        time.Duration `env:"SDK_WAIT" envDefault:"10s" doc:"How long a request of an SDK is held in all when it cannot be taken now, before it is refused: many SDKs send once and never again. The time in which its body arrives does not count"`
}

// names of all protocols, as SDK_PROTOCOLS has them.
var names = []string{"segment", "jitsu", "posthog", "amplitude", "mixpanel", "otlp", "cloudevents", "snowplow", "openpanel", "umami", "plausible"}

// Validate reports everything that is wrong.
func (c *Config) Validate() error {
	var errs []error
	for _, name := range c.Protocols {
		if !slices.Contains(names, name) {
			errs = append(errs, fmt.Errorf("SDK_PROTOCOLS: %q is none of %s", name, strings.Join(names, ", ")))
		}
	}
	if c.Wait < 0 || c.Wait > time.Minute {
		errs = append(errs, fmt.Errorf("SDK_WAIT is %s, it must be from 0s to 1m", c.Wait))
	}
	return errors.Join(errs...)
}

// Deps are what the routes need.
type Deps struct {
	Intake   *intake.Intake
	Who      *auth.Authenticator
	Limiter  *ratelimit.Limiter
	Now      func() time.Time
	Registry prometheus.Registerer
}

// Service serves the SDKs' routes.
type Service struct {
	cfg       Config
	intake    *intake.Intake
	who       *auth.Authenticator
	limiter   *ratelimit.Limiter
	now       func() time.Time
	events    *prometheus.CounterVec
	held      held
	salts     salts
	protocols map[string]*Protocol
}

// New makes a Service of those protocols that the settings name.
func New(cfg Config, deps Deps, protocols ...*Protocol) *Service {
	s := &Service{
		cfg: cfg, intake: deps.Intake, who: deps.Who, limiter: deps.Limiter, now: deps.Now,
		held: held{of: map[body.Holder]int{}}, protocols: map[string]*Protocol{},
		events: promauto.With(deps.Registry).NewCounterVec(prometheus.CounterOpts{
			Name: "analytics_ingest_sdk_events_total", Help: "Events and operations of SDKs, by protocol and by what became of them: received is the sum of the others.",
		}, []string{"protocol", "result"}),
	}
	for _, p := range protocols {
		if len(cfg.Protocols) > 0 && !slices.Contains(cfg.Protocols, p.Name) {
			continue
		}
		s.protocols[p.Name] = p
		for _, result := range []string{"received", "accepted", "duplicate", "rejected"} {
			s.events.WithLabelValues(p.Name, result)
		}
	}
	return s
}

// count counts what a request held.
func (s *Service) count(protocol string, r intake.Result) {
	s.events.WithLabelValues(protocol, "received").Add(float64(r.Events()))
	s.events.WithLabelValues(protocol, "accepted").Add(float64(r.Accepted))
	s.events.WithLabelValues(protocol, "duplicate").Add(float64(r.Duplicates))
	s.events.WithLabelValues(protocol, "rejected").Add(float64(r.Rejected))
}
