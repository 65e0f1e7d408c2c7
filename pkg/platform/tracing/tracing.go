// Package tracing sets up OpenTelemetry tracing: it builds the process's tracer
// provider from the environment and names our attributes.
//
// Packages get their tracers from go.opentelemetry.io/otel when they are
// constructed, which must be after Setup.
package tracing

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"
)

// Attributes that OpenTelemetry's conventions have no name for.
const (
	RequestID   = "analytics.request_id"
	ProjectID   = "analytics.project_id"
	Metric      = "analytics.metric" // its name, never its parameters
	Source      = "analytics.source" // of an answer: rollup, walk or raw
	Rows        = "analytics.rows"   // of the outbox, or of an answer
	Events      = "analytics.events"
	Segments    = "analytics.segments"     // written
	Merged      = "analytics.merged"       // segments that a compaction replaced
	DeadLetters = "analytics.dead_letters" // what could not be loaded
)

// Where traces can go.
const (
	none    = "none"
	otlp    = "otlp"
	console = "console"
)

// Config of traces. Everything else comes from OpenTelemetry's own variables
// (OTEL_EXPORTER_OTLP_*, OTEL_TRACES_SAMPLER, OTEL_RESOURCE_ATTRIBUTES,
// OTEL_SERVICE_NAME, OTEL_BSP_*), which its SDK reads.
type Config struct {
	Exporter string `env:"OTEL_TRACES_EXPORTER" envDefault:"none" doc:"Where traces go: none, otlp (to the collector at OTEL_EXPORTER_OTLP_ENDPOINT, over HTTP) or console (standard error); see docs/tracing.md"`
}

func (c *Config) on() bool { return c.Exporter != "" && c.Exporter != none }

// Validate reports everything that is wrong with the settings, including
// OpenTelemetry's own if tracing is on.
func (c *Config) Validate() error {
	switch c.Exporter {
	case "", none:
		return nil
	case otlp:
		return errors.Join(checkExporter(os.Getenv), checkBatches(os.Getenv))
	case console:
		return checkBatches(os.Getenv)
	}
	return fmt.Errorf("OTEL_TRACES_EXPORTER is %q; it can be none, otlp or console", c.Exporter)
}

// flushTimeout bounds how long an unreachable collector delays shutdown.
const flushTimeout = 3 * time.Second

// Setup installs the tracer provider of a process whose traces carry the name
// service unless OTEL_SERVICE_NAME overrides it. If tracing is off it does
// nothing. A value that the SDK would replace by a default is an error.
//
// Spans are sent in the background and dropped if the collector does not keep up.
// shutdown sends the rest, for at most three seconds; call it last.
func Setup(ctx context.Context, cfg Config, service string, log *zap.Logger) (shutdown func(), err error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("setting up tracing: %w", err)
	}
	if !cfg.on() {
		return func() {}, nil
	}
	says := report()
	from, err := resource.New(ctx,
		resource.WithAttributes(semconv.ServiceName(service)),
		resource.WithHost(), resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("setting up tracing: %w", err)
	}
	exporter, err := newExporter(ctx, cfg.Exporter)
	if err != nil {
		return nil, fmt.Errorf("setting up tracing: %w", err)
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithResource(from), sdktrace.WithBatcher(redactErrors{exporter}))
	shutdown = func() {
		otel.SetTracerProvider(noop.NewTracerProvider())
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
		defer cancel()
		if err := provider.Shutdown(bounded); err != nil {
			log.Warn("sending the last traces", zap.Error(err))
			_ = exporter.Shutdown(bounded) // abandons what is still being sent
		}
	}
	if err := says.started(log); err != nil {
		shutdown()
		return nil, fmt.Errorf("setting up tracing: %w", err)
	}
	otel.SetTracerProvider(provider)
	return shutdown, nil
}

func newExporter(ctx context.Context, kind string) (sdktrace.SpanExporter, error) {
	if kind == console {
		return stdouttrace.New(stdouttrace.WithWriter(os.Stderr))
	}
	var options []otlptracehttp.Option
	if url := defaultEndpoint(os.Getenv); url != "" {
		options = append(options, otlptracehttp.WithEndpointURL(url))
	}
	return otlptracehttp.New(ctx, options...)
}

// On reports whether spans are recorded. Instrumentation that costs something is
// skipped if they are not.
func On() bool {
	_, on := otel.GetTracerProvider().(*sdktrace.TracerProvider)
	return on
}

// StartAt starts a span backdated to began. It is for work that looks first whether
// there is anything to do: mostly there is not, and then there should be no trace.
func StartAt(ctx context.Context, tracer trace.Tracer, name string, began time.Time) (context.Context, trace.Span) {
	return tracer.Start(ctx, name, trace.WithTimestamp(began), trace.WithSpanKind(trace.SpanKindInternal))
}

// End ends the span of work that returned err. Errors may quote values, so the
// span only records that there was one; the text is logged elsewhere.
func End(span trace.Span, err error) {
	if err != nil {
		span.SetStatus(codes.Error, "")
	}
	span.End()
}
