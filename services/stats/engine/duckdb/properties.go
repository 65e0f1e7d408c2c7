package duckdb

import (
	"context"
	"database/sql"
	_ "embed"
	"fmt"
	"strconv"
	"strings"

	"eventanalytics/pkg/property"
	"eventanalytics/services/stats/engine"
)

//go:embed properties.sql
var propertiesSQL string

// Properties serves a scan.
func (e *Engine) Properties(ctx context.Context, p engine.Properties) ([]engine.PropertyEvents, error) {
	period, exists := p.Period(p.Zone)
	if !exists {
		return nil, nil
	}
	st := newStatement(p.Scope, propertiesSQL, period)
	st.types = p.Types
	st.texts["shape"] = shapeOf
	counted, events := map[string]engine.Kinds{}, int64(0)
	err := e.run(ctx, st, func(r *sql.Rows) error {
		var shape string
		var n int64
		if err := r.Scan(&shape, &n); err != nil {
			return fmt.Errorf("reading a set of properties: %w", err)
		}
		events += n
		return addShape(counted, shape, n)
	})
	if err != nil {
		return nil, err
	}
	return p.Of(ctx, counted, events)
}

// shapeOf writes the properties that an event has: of each the kind of its value, the
// length of its name, a colon and the name.
func shapeOf(properties string) (string, bool) {
	var b []byte
	for name, value := range property.Members(properties) {
		b = append(b, '0'+byte(value.Kind()))
		b = strconv.AppendInt(b, int64(len(name)), 10)
		b = append(b, ':')
		b = append(b, name...)
	}
	return string(b), true
}

// addShape counts n events with a set of properties. Of a key that comes twice in an
// object, which ingest refuses, the first counts.
func addShape(counted map[string]engine.Kinds, shape string, n int64) error {
	seen := map[string]bool{}
	for shape != "" {
		length, rest, _ := strings.Cut(shape[1:], ":")
		size, err := strconv.Atoi(length)
		if err != nil || size > len(rest) {
			return fmt.Errorf("reading a set of properties: %q", shape)
		}
		if name := rest[:size]; !seen[name] {
			seen[name] = true
			kinds := counted[name]
			kinds[shape[0]-'0'] += n
			counted[name] = kinds
		}
		shape = rest[size:]
	}
	return nil
}
