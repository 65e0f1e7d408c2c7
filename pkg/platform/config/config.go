// Package config reads a service's settings from the environment.
package config

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"

	"github.com/caarlos0/env/v11"
)

// Validator is implemented by settings, or parts of them, that check themselves.
// Validate reports everything that is wrong at once (errors.Join).
type Validator interface{ Validate() error }

// Load fills a T from the environment variables named by its `env` tags, with
// defaults from `envDefault`. If X_FILE is set, X is read from the file it names,
// so that secrets can come from files. All errors, including those from Validate,
// are reported together.
//
// fallback overrides the defaults of variables that are unset or empty.
func Load[T any](fallback ...map[string]string) (T, error) {
	environ := env.ToMap(os.Environ())
	if err := readFiles(environ, Options[T]()); err != nil {
		var none T
		return none, err
	}
	for _, values := range fallback {
		for name, value := range values {
			if environ[name] == "" {
				environ[name] = value
			}
		}
	}
	return Parse[T](environ)
}

// Parse is Load with only the given variables.
func Parse[T any](environ map[string]string) (T, error) {
	var cfg T
	err := env.ParseWithOptions(&cfg, env.Options{Environment: environ})
	if err == nil {
		err = errors.Join(validate(reflect.ValueOf(&cfg).Elem(), map[string]bool{})...)
	}
	if err != nil {
		return cfg, fmt.Errorf("reading settings: %w", err)
	}
	return cfg, nil
}

// validate checks v and the structs in it. An embedded struct's Validate is
// promoted, so the same error can be found twice; seen deduplicates.
func validate(v reflect.Value, seen map[string]bool) []error {
	var errs []error
	if checked, ok := v.Addr().Interface().(Validator); ok {
		if err := checked.Validate(); err != nil && !seen[err.Error()] {
			seen[err.Error()] = true
			errs = append(errs, err)
		}
	}
	for field, value := range v.Fields() {
		if field.IsExported() && value.Kind() == reflect.Struct {
			errs = append(errs, validate(value, seen)...)
		}
	}
	return errs
}

// readFiles adds the settings that are given as files. Other variables ending in
// _FILE (SSL_CERT_FILE) are ignored.
func readFiles(environ map[string]string, settings []Option) error {
	for _, setting := range settings {
		name := setting.Name + "_FILE"
		path := environ[name]
		if path == "" || environ[setting.Name] != "" {
			continue
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("reading %s: %w", name, err)
		}
		environ[setting.Name] = strings.TrimRight(string(content), "\r\n")
	}
	return nil
}

// Option describes one setting, for the reference in the README.
type Option struct {
	Name, Default, Doc string
	Required           bool
}

// Options lists the settings of a struct type in the order of its fields.
func Options[T any]() []Option { return options(reflect.TypeFor[T]()) }

func options(t reflect.Type) []Option {
	var all []Option
	for f := range t.Fields() {
		name, rest, _ := strings.Cut(f.Tag.Get("env"), ",")
		if name == "" {
			if f.Type.Kind() == reflect.Struct {
				all = append(all, options(f.Type)...)
			}
			continue
		}
		all = append(all, Option{
			Name: name, Default: f.Tag.Get("envDefault"), Doc: f.Tag.Get("doc"),
			Required: strings.Contains(rest, "required"),
		})
	}
	return all
}
