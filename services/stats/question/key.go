package question

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"reflect"

	"eventanalytics/pkg/calendar"
)

// Key returns a hash of values, such as a question and what else its answer depends
// on. It covers their types and everything they hold, unexported fields and what
// pointers lead to included, so that a new field of a question cannot be left out.
// Values that it does not know how to read, such as functions and maps, panic.
func Key(all ...any) [sha256.Size]byte {
	var b []byte
	for _, value := range all {
		v := reflect.ValueOf(value)
		b = appendText(b, v.Type().String())
		b = appendKey(b, v)
	}
	return sha256.Sum256(b)
}

var zoneType = reflect.TypeFor[*calendar.Zone]()

// appendKey appends a value of a known type such that no other value of the type
// looks the same, nor like a beginning of it.
func appendKey(b []byte, v reflect.Value) []byte {
	if v.Type() == zoneType && !v.IsNil() { // equal when the names are, whatever is loaded
		return appendText(append(b, 1), v.Interface().(*calendar.Zone).String())
	}
	switch v.Kind() {
	case reflect.Bool:
		if v.Bool() {
			return append(b, 1)
		}
		return append(b, 0)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return binary.BigEndian.AppendUint64(b, uint64(v.Int()))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return binary.BigEndian.AppendUint64(b, v.Uint())
	case reflect.Float32, reflect.Float64:
		return binary.BigEndian.AppendUint64(b, math.Float64bits(v.Float()))
	case reflect.String:
		return appendText(b, v.String())
	case reflect.Slice, reflect.Array:
		b = binary.BigEndian.AppendUint64(b, uint64(v.Len()))
		for i := range v.Len() {
			b = appendKey(b, v.Index(i))
		}
		return b
	case reflect.Struct:
		for i := range v.NumField() {
			b = appendKey(b, v.Field(i))
		}
		return b
	case reflect.Pointer:
		if v.IsNil() {
			return append(b, 0)
		}
		return appendKey(append(b, 1), v.Elem())
	default:
		panic(fmt.Sprintf("a key cannot hold a %s", v.Type()))
	}
}

func appendText(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint64(b, uint64(len(s))), s...)
}
