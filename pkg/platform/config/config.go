// Package config reads a service's settings from the environment.
package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/caarlos0/env/v11"
)

// Validator is implemented by settings, or parts of them, that check themselves.
// Validate reports everything that is wrong at once (errors.Join) and names the
// settings.
type Validator interface{ Validate() error }

// Load fills a T from the environment variables named by its `env` tags, with
// defaults from `envDefault`. If X_FILE is set, X is read from the file it names,
// so that secrets can come from files. All errors are reported together, each
// setting's once: values that cannot be read, what Validate finds, and variables
// that look like a setting of T misspelt.
//
// fallback overrides the defaults of variables that are unset or empty.
func Load[T any](fallback ...map[string]string) (T, error) {
	environ := env.ToMap(os.Environ())
	settings := Options[T]()
	misspelt := misspellings(slices.Sorted(maps.Keys(environ)), settings)
	files := readFiles(environ, settings)
	for _, values := range fallback {
		for name, value := range values {
			if environ[name] == "" {
				environ[name] = value
			}
		}
	}
	return parse[T](environ, append(misspelt, files...))
}

// Parse is Load with only the given variables, misspelt ones ignored.
func Parse[T any](environ map[string]string) (T, error) { return parse[T](environ, nil) }

func parse[T any](environ map[string]string, known []mistake) (T, error) {
	var cfg T
	p := parser{environ: environ, mistakes: known}
	v := reflect.ValueOf(&cfg).Elem()
	p.parse(v)
	p.validate(v)
	if len(p.mistakes) > 0 {
		return cfg, p.mistakes
	}
	return cfg, nil
}

// mistake is one thing that is wrong, with a setting or, without a name, with
// several.
type mistake struct {
	setting string
	err     error
}

// mistakes is the error for all of them.
type mistakes []mistake

func (m mistakes) Error() string {
	if len(m) == 1 {
		return "reading settings: " + m[0].err.Error()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "reading settings: %d mistakes", len(m))
	for _, one := range m {
		b.WriteString("\n  " + one.err.Error())
	}
	return b.String()
}

func (m mistakes) Unwrap() []error {
	all := make([]error, len(m))
	for i, one := range m {
		all[i] = one.err
	}
	return all
}

type parser struct {
	environ  map[string]string
	mistakes mistakes
}

// add keeps the first mistake of each setting, since others follow from it: of a
// missing secret, that it is also too short.
func (p *parser) add(setting string, err error) {
	for _, known := range p.mistakes {
		if known.err.Error() == err.Error() || known.setting != "" && (known.setting == setting || mentions(err, known.setting)) {
			return
		}
	}
	p.mistakes = append(p.mistakes, mistake{setting, err})
}

// mentions reports whether an error names a setting, and not just a longer one.
func mentions(err error, setting string) bool {
	return slices.Contains(strings.FieldsFunc(err.Error(), func(r rune) bool {
		return r != '_' && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
	}), setting)
}

// parse fills the fields of v, one at a time: the library's errors name the field
// and its Go type, which say nothing to the person who set the variable. A value
// that cannot be read is replaced by the default, so that checks of the rest make
// sense.
func (p *parser) parse(v reflect.Value) {
	for field, value := range v.Fields() {
		name, tag, _ := strings.Cut(field.Tag.Get("env"), ",")
		if name == "" {
			if value.Kind() == reflect.Struct && field.IsExported() {
				p.parse(value)
			}
			continue
		}
		if strings.Contains(tag, "required") && p.environ[name] == "" {
			p.add(name, fmt.Errorf("%s is not set: %s", name, field.Tag.Get("doc")))
			continue
		}
		one := reflect.New(reflect.StructOf([]reflect.StructField{{Name: field.Name, Type: field.Type, Tag: field.Tag}}))
		if err := env.ParseWithOptions(one.Interface(), env.Options{Environment: p.environ}); err != nil {
			p.add(name, wrongValue(name, p.environ[name], field, err))
			one.Elem().Field(0).SetZero()
			_ = env.ParseWithOptions(one.Interface(), env.Options{Environment: map[string]string{}})
		}
		value.Set(one.Elem().Field(0))
	}
}

// validate checks v and the structs in it. An embedded struct's Validate is
// promoted, so the same error can be found twice; add keeps one.
func (p *parser) validate(v reflect.Value) {
	if checked, ok := v.Addr().Interface().(Validator); ok {
		for _, err := range split(checked.Validate()) {
			p.add("", err)
		}
	}
	for field, value := range v.Fields() {
		if field.IsExported() && value.Kind() == reflect.Struct {
			p.validate(value)
		}
	}
}

var joined = reflect.TypeOf(errors.Join(errors.New("")))

// split takes apart what errors.Join put together.
func split(err error) []error {
	if err == nil {
		return nil
	}
	if reflect.TypeOf(err) != joined {
		return []error{err}
	}
	var all []error
	for _, one := range err.(interface{ Unwrap() []error }).Unwrap() {
		all = append(all, split(one)...)
	}
	return all
}

// readFiles adds the settings that are given as files. Other variables ending in
// _FILE (SSL_CERT_FILE) are ignored.
func readFiles(environ map[string]string, settings []Option) mistakes {
	var wrong mistakes
	for _, setting := range settings {
		name := setting.Name + "_FILE"
		path := environ[name]
		if path == "" || environ[setting.Name] != "" {
			continue
		}
		content, err := os.ReadFile(path)
		if err != nil {
			wrong = append(wrong, mistake{setting.Name, fmt.Errorf("reading %s: %w", name, err)})
			continue
		}
		environ[setting.Name] = strings.TrimRight(string(content), "\r\n")
	}
	return wrong
}

// Option describes one setting, for the reference in docs/settings.md.
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
