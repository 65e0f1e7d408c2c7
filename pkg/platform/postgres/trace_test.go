package postgres_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace/noop"

	"eventanalytics/pkg/platform/postgres"
	"eventanalytics/pkg/platform/postgres/pgtest"
)

func TestStatementsAreSpans(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)))
	t.Cleanup(func() { otel.SetTracerProvider(noop.NewTracerProvider()) })
	url := pgtest.URL(t)
	pool, err := postgres.Open(t.Context(), postgres.Config{URL: url, MaxConns: 4}, "test")
	require.NoError(t, err)
	defer pool.Close()
	require.Empty(t, spans.Started(), "polling outside a span is not recorded")

	const statement = "SELECT length($1::text)"
	ctx, parent := otel.Tracer("test").Start(t.Context(), "parent")
	require.NoError(t, pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		var n int
		return tx.QueryRow(ctx, statement, "topsecret").Scan(&n)
	}))
	names, found := []string{}, false
	for _, span := range spans.Ended() {
		require.Equal(t, parent.SpanContext().TraceID(), span.SpanContext().TraceID())
		require.NotContains(t, fmt.Sprint(span.Attributes()), "topsecret")
		names = append(names, span.Name())
		for _, a := range span.Attributes() {
			found = found || a.Key == "db.query.text" && a.Value.AsString() == statement
		}
	}
	require.Subset(t, names, []string{"BEGIN", "SELECT", "COMMIT"})
	require.True(t, found, "the statement's text is recorded")
}
