package question

import (
	"fmt"
	"reflect"
	"strings"

	"eventanalytics/pkg/cohort"
	"eventanalytics/pkg/syntax"
)

var (
	fieldType  = reflect.TypeFor[syntax.Field]()
	filterType = reflect.TypeFor[syntax.Filter]()
)

// Cohorts returns where a question's fields and filters name cohorts, in the words of its
// JSON.
func Cohorts(q Question) []cohort.Place {
	var places []cohort.Place
	var visit func(path string, v reflect.Value)
	visit = func(path string, v reflect.Value) {
		switch {
		case v.Type() == zoneType:
		case v.Type() == filterType:
			places = append(places, cohort.Places(path, v.Interface().(syntax.Filter))...)
		case v.Type() == fieldType:
			if f := v.Interface().(syntax.Field).AtEvent(); f.Source == syntax.Cohort {
				places = append(places, cohort.Place{Path: path, Name: f.Name})
			}
		case v.Kind() == reflect.Struct:
			for f, value := range v.Fields() {
				visit(inside(path, f), value)
			}
		case v.Kind() == reflect.Pointer && !v.IsNil():
			visit(path, v.Elem())
		case v.Kind() == reflect.Slice:
			for i := range v.Len() {
				visit(fmt.Sprintf("%s[%d]", path, i), v.Index(i))
			}
		}
	}
	visit("", reflect.ValueOf(q))
	return places
}

// inside is the path of a member of what is at another. Fields are written as the text of what
// they are in, a measure or a breakdown.
func inside(path string, f reflect.StructField) string {
	if f.Anonymous || f.Type == fieldType && path != "" {
		return path
	}
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "" {
		name = strings.ToLower(f.Name)
	}
	if path == "" {
		return name
	}
	return path + "." + name
}
