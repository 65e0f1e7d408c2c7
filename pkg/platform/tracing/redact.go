package tracing

import (
	"context"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// redactErrors removes error texts from all spans, whichever library set them,
// because Postgres quotes values in them. The error status and the SQLSTATE stay;
// the log has the rest under the trace id.
type redactErrors struct{ sdktrace.SpanExporter }

func (e redactErrors) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	out := make([]sdktrace.ReadOnlySpan, len(spans))
	for i, span := range spans {
		out[i] = redactedSpan{span}
	}
	return e.SpanExporter.ExportSpans(ctx, out)
}

type redactedSpan struct{ sdktrace.ReadOnlySpan }

// Events are only used for errors here.
func (redactedSpan) Events() []sdktrace.Event { return nil }

func (s redactedSpan) Status() sdktrace.Status {
	return sdktrace.Status{Code: s.ReadOnlySpan.Status().Code}
}
