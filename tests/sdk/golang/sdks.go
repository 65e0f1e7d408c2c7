package main

import (
	"context"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/posthog/posthog-go"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/log"
	otel "go.opentelemetry.io/otel/sdk/log"
	segment "gopkg.in/segmentio/analytics-go.v3"
)

func posthogSDK(_ context.Context, o *order) (func() error, error) {
	client, err := posthog.NewWithConfig(o.Key, posthog.Config{Endpoint: o.URL, BatchSize: 10, Interval: 500 * time.Millisecond})
	if err != nil {
		return nil, err
	}
	for _, e := range o.events() {
		err := client.Enqueue(posthog.Capture{DistinctId: e.user, Event: e.name, Timestamp: e.at, Properties: e.properties})
		if err != nil {
			return nil, err
		}
	}
	return client.Close, client.Enqueue(posthog.Identify{DistinctId: "user-0", Properties: posthog.Properties{"plan": "pro"}})
}

func segmentSDK(_ context.Context, o *order) (func() error, error) {
	client, err := segment.NewWithConfig(o.Key, segment.Config{Endpoint: o.URL, BatchSize: 10, Interval: 500 * time.Millisecond})
	if err != nil {
		return nil, err
	}
	for _, e := range o.events() {
		err := client.Enqueue(segment.Track{UserId: e.user, Event: e.name, Timestamp: e.at, Properties: e.properties})
		if err != nil {
			return nil, err
		}
	}
	return client.Close, client.Enqueue(segment.Identify{UserId: "user-0", Traits: segment.Traits{"plan": "pro"}})
}

// cloudeventsSDK sends each event until it is taken: that is the application's business.
func cloudeventsSDK(ctx context.Context, o *order) (func() error, error) {
	client, err := cloudevents.NewClientHTTP(cloudevents.WithTarget(o.URL+"/cloudevents"), cloudevents.WithHeader("Authorization", "Bearer "+o.Key))
	if err != nil {
		return nil, err
	}
	for _, e := range o.events() {
		event := cloudevents.NewEvent()
		event.SetID(e.id)
		event.SetSource("/shop")
		event.SetType(e.name)
		event.SetSubject(e.user)
		if !e.at.IsZero() {
			event.SetTime(e.at)
		}
		if err := event.SetData(cloudevents.ApplicationJSON, e.properties); err != nil {
			return nil, err
		}
		for !cloudevents.IsACK(client.Send(ctx, event)) {
			time.Sleep(200 * time.Millisecond)
		}
	}
	return func() error { return nil }, nil
}

func opentelemetrySDK(ctx context.Context, o *order) (func() error, error) {
	exporter, err := otlploghttp.New(ctx, otlploghttp.WithEndpointURL(o.URL+"/v1/logs"), otlploghttp.WithHeaders(map[string]string{"Authorization": "Bearer " + o.Key}))
	if err != nil {
		return nil, err
	}
	provider := otel.NewLoggerProvider(otel.WithProcessor(otel.NewBatchProcessor(exporter,
		otel.WithExportMaxBatchSize(10), otel.WithExportInterval(500*time.Millisecond))))
	logger := provider.Logger("shop")
	for _, e := range o.events() {
		var record log.Record
		record.SetEventName(e.name)
		record.SetTimestamp(e.at)
		record.AddAttributes(attribute.String("event.id", e.id), attribute.String("user.id", e.user))
		for name, value := range e.properties {
			record.AddAttributes(attribute.KeyValue{Key: attribute.Key(name), Value: valueOf(value)})
		}
		logger.Emit(ctx, record)
	}
	return func() error { return provider.Shutdown(ctx) }, nil
}

// valueOf is a value as OpenTelemetry has it.
func valueOf(v any) attribute.Value {
	switch v := v.(type) {
	case string:
		return attribute.StringValue(v)
	case bool:
		return attribute.BoolValue(v)
	case int:
		return attribute.IntValue(v)
	case float64:
		return attribute.Float64Value(v)
	case []any:
		var all []attribute.Value
		for _, one := range v {
			all = append(all, valueOf(one))
		}
		return attribute.SliceValue(all...)
	case map[string]any:
		var all []attribute.KeyValue
		for name, one := range v {
			all = append(all, attribute.KeyValue{Key: attribute.Key(name), Value: valueOf(one)})
		}
		return attribute.MapValue(all...)
	}
	return attribute.Value{}
}
