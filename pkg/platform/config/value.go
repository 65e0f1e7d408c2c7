package config

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"time"

	"github.com/caarlos0/env/v11"
)

// wrongValue says in the words of an operator what a setting takes, with an
// example: its default, unless it has none.
func wrongValue(name, value string, field reflect.StructField, err error) error {
	wanted, example := kind(field.Type)
	if def := field.Tag.Get("envDefault"); def != "" {
		example = def
	}
	if wanted == "" {
		wanted = cause(err).Error()
	}
	message := fmt.Sprintf("%s is %q: %s", name, value, wanted)
	if example != "" {
		message += fmt.Sprintf(", such as %s=%s", name, quoted(example))
	}
	return errors.New(message)
}

func quoted(example string) string {
	for _, c := range example {
		if c == ' ' {
			return `"` + example + `"`
		}
	}
	return example
}

// kind is what values of a type look like, "" if the type says so itself.
func kind(t reflect.Type) (wanted, example string) {
	switch t {
	case reflect.TypeFor[time.Duration]():
		return "it must be a time with its unit (ms, s, m or h)", "15s"
	case reflect.TypeFor[time.Time]():
		return "it must be a time as in RFC 3339", "2025-08-01T00:00:00Z"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "it must be true or false", "true"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "it must be a whole number" + bounds(-math.Ldexp(1, t.Bits()-1), math.Ldexp(1, t.Bits()-1)-1, t.Bits()), "1"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "it must be a whole number" + bounds(0, math.Ldexp(1, t.Bits())-1, t.Bits()), "1"
	case reflect.Float32, reflect.Float64:
		return "it must be a number", "0.5"
	}
	return "", ""
}

// bounds of a narrow type; nobody reaches those of a wide one by accident.
func bounds(from, to float64, bits int) string {
	if bits > 32 {
		return ""
	}
	return fmt.Sprintf(" from %.0f to %.0f", from, to)
}

// cause is what the type's own method said about the value.
func cause(err error) error {
	var parse env.ParseError
	if errors.As(err, &parse) {
		return parse.Err
	}
	return err
}
