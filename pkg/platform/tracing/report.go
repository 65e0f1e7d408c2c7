package tracing

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// reporter receives OpenTelemetry's errors. During setup an error means an invalid
// setting and must prevent the start; later it means that the collector is
// unreachable, which is logged once a minute.
type reporter struct {
	mu   sync.Mutex
	errs []error
	log  *zap.Logger // nil during setup
}

// report installs a reporter.
func report() *reporter {
	r := &reporter{}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(r.Handle))
	otel.SetLogger(logr.New(sink{r}))
	return r
}

// started returns the errors of the setup and logs all later ones.
func (r *reporter) started(log *zap.Logger) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log = log.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core {
		return zapcore.NewSamplerWithOptions(core, time.Minute, 1, 0)
	}))
	return errors.Join(r.errs...)
}

func (r *reporter) Handle(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.log == nil {
		r.errs = append(r.errs, err)
		return
	}
	r.log.Warn("sending traces", zap.Error(err))
}

// sink is the SDK's logger. Only its errors matter; the values logged with them
// are dropped, because headers may be secret.
type sink struct{ *reporter }

func (sink) Init(logr.RuntimeInfo)            {}
func (sink) Enabled(int) bool                 { return false }
func (sink) Info(int, string, ...any)         {}
func (s sink) WithValues(...any) logr.LogSink { return s }
func (s sink) WithName(string) logr.LogSink   { return s }

func (s sink) Error(err error, message string, _ ...any) {
	s.Handle(fmt.Errorf("%s: %w", message, err))
}
