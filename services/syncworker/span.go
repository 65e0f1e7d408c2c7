package syncworker

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// span begins a trace of work that began a moment ago. Only when the outbox or
// the manifest has been asked is it known that there is work at all: the
// question comes twice a second, and its answer is mostly no.
func (s *Service) span(ctx context.Context, name string, began time.Time) (context.Context, trace.Span) {
	return s.tracer.Start(ctx, name, trace.WithTimestamp(began), trace.WithSpanKind(trace.SpanKindInternal))
}
