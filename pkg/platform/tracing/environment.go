package tracing

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// The SDK silently replaces an invalid value by the default, or panics. Empty
// variables count as unset.

var endpoints = []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"}

// defaultEndpoint is where traces go if no variable says so, and "" if one does.
// The SDK's own default is https, contrary to the specification.
func defaultEndpoint(get func(string) string) string {
	for _, name := range endpoints {
		if strings.TrimSpace(get(name)) != "" {
			return ""
		}
	}
	return "http://localhost:4318/v1/traces"
}

func checkExporter(get func(string) string) error {
	var errs []error
	for _, name := range endpoints {
		value := strings.TrimSpace(get(name))
		if value == "" {
			continue
		}
		if u, err := url.Parse(value); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			errs = append(errs, errors.New(name+" must be a URL, such as http://collector:4318"))
		}
	}
	for _, suffix := range []string{"PROTOCOL", "COMPRESSION"} {
		allowed := map[string][]string{"PROTOCOL": {"http/protobuf", "http/json"}, "COMPRESSION": {"gzip", "none"}}[suffix]
		for _, name := range []string{"OTEL_EXPORTER_OTLP_" + suffix, "OTEL_EXPORTER_OTLP_TRACES_" + suffix} {
			value := strings.TrimSpace(get(name))
			if value != "" && value != allowed[0] && value != allowed[1] {
				errs = append(errs, fmt.Errorf("%s is %q; it can be %s or %s", name, value, allowed[0], allowed[1]))
			}
		}
	}
	return errors.Join(errs...)
}

func checkBatches(get func(string) string) error {
	var errs []error
	for _, name := range []string{"SCHEDULE_DELAY", "EXPORT_TIMEOUT", "MAX_QUEUE_SIZE", "MAX_EXPORT_BATCH_SIZE"} {
		name = "OTEL_BSP_" + name
		value := get(name)
		if value == "" {
			continue
		}
		if n, err := strconv.Atoi(value); err != nil || n < 1 {
			errs = append(errs, fmt.Errorf("%s is %q; it must be a positive integer", name, value))
		}
	}
	return errors.Join(errs...)
}
