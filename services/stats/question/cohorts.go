package question

import (
	"reflect"
	"slices"

	"eventanalytics/pkg/syntax"
)

var fieldType = reflect.TypeFor[syntax.Field]()

// Cohorts returns the names of the cohorts that a question's fields and filters have, each
// once, in order.
func Cohorts(q Question) []string {
	var names []string
	var visit func(v reflect.Value)
	visit = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.Struct:
			if v.Type() == fieldType && v.FieldByName("Source").String() == string(syntax.Cohort) {
				names = append(names, v.FieldByName("Name").String())
			}
			if v.Type() == zoneType.Elem() {
				return
			}
			for i := range v.NumField() {
				visit(v.Field(i))
			}
		case reflect.Pointer:
			if !v.IsNil() {
				visit(v.Elem())
			}
		case reflect.Slice, reflect.Array:
			if kind := v.Type().Elem().Kind(); kind != reflect.Struct && kind != reflect.Slice && kind != reflect.Pointer {
				return
			}
			for i := range v.Len() {
				visit(v.Index(i))
			}
		}
	}
	visit(reflect.ValueOf(q))
	slices.Sort(names)
	return slices.Compact(names)
}
