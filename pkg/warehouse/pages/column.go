package pages

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"

	"github.com/google/uuid"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// Column is a column of a row group, with its values in the order of the rows.
type Column struct {
	element format.SchemaElement
	rows    int
	encode  func() (encoded, error)
}

// Texts is a column of texts. missing, unless it is nil, says in which rows there is none.
func Texts(name string, values []string, missing []bool) Column {
	e := element(name, format.ByteArray)
	e.ConvertedType = thrift.New(deprecated.UTF8)
	return columnOf(e, values, missing, kind[string]{
		plain: func(to []byte, v string) []byte {
			return append(binary.LittleEndian.AppendUint32(to, uint32(len(v))), v...)
		},
		bound: func(v string) []byte { return []byte(v) }, compare: cmp.Compare[string], repeats: true,
	})
}

// Integers is a column of integers. missing, unless it is nil, says in which rows there is
// none.
func Integers(name string, values []int64, missing []bool) Column {
	e := element(name, format.Int64)
	e.ConvertedType = thrift.New(deprecated.Int64)
	return columnOf(e, values, missing, kind[int64]{plain: plainInteger, compare: cmp.Compare[int64], repeats: true})
}

// Keys is a column of integers of 32 bits.
func Keys(name string, values []int32) Column {
	e := element(name, format.Int32)
	e.ConvertedType = thrift.New(deprecated.Int32)
	plain := func(to []byte, v int32) []byte { return binary.LittleEndian.AppendUint32(to, uint32(v)) }
	return columnOf(e, values, nil, kind[int32]{plain: plain, compare: cmp.Compare[int32], repeats: true})
}

// Numbers is a column of numbers, none of which is NaN or -0: these have no place in the
// bounds of a row group. missing, unless it is nil, says in which rows there is none.
func Numbers(name string, values []float64, missing []bool) Column {
	plain := func(to []byte, v float64) []byte {
		return binary.LittleEndian.AppendUint64(to, math.Float64bits(v))
	}
	return columnOf(element(name, format.Double), values, missing, kind[float64]{plain: plain, compare: cmp.Compare[float64], repeats: true})
}

// Times is a column of times, in microseconds since 1970 UTC.
func Times(name string, values []int64) Column {
	e := element(name, format.Int64)
	e.ConvertedType = thrift.New(deprecated.TimestampMicros)
	e.LogicalType.Value = &format.TimestampType{IsAdjustedToUTC: true, Unit: format.TimeUnit{Value: &format.MicroSeconds{}}}
	return columnOf(e, values, nil, kind[int64]{plain: plainInteger, compare: cmp.Compare[int64]})
}

// IDs is a column of UUIDs.
func IDs(name string, values []uuid.UUID) Column {
	e := element(name, format.FixedLenByteArray)
	e.TypeLength = thrift.New[int32](idBytes)
	e.LogicalType.Value = &format.UUIDType{}
	return columnOf(e, values, nil, kind[uuid.UUID]{
		plain:   func(to []byte, v uuid.UUID) []byte { return append(to, v[:]...) },
		compare: func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) }, sought: true,
	})
}

// kind is how values of a type are written.
type kind[T comparable] struct {
	plain   func(to []byte, v T) []byte // appends a value in the encoding PLAIN
	bound   func(v T) []byte            // a value in bounds and Bloom filters; nil: as plain
	compare func(a, b T) int
	repeats bool // values may repeat: a dictionary is tried
	sought  bool // values are looked up one by one: there is a Bloom filter in any case
}

func plainInteger(to []byte, v int64) []byte { return binary.LittleEndian.AppendUint64(to, uint64(v)) }

// element describes a column. All are optional, as those that DuckDB writes: one query reads
// the files of both.
func element(name string, t format.Type) format.SchemaElement {
	return format.SchemaElement{Name: name, Type: thrift.New(t), RepetitionType: thrift.New(format.Optional)}
}

func columnOf[T comparable](e format.SchemaElement, values []T, missing []bool, k kind[T]) Column {
	if k.bound == nil {
		k.bound = func(v T) []byte { return k.plain(nil, v) }
	}
	return Column{element: e, rows: len(values), encode: func() (encoded, error) {
		l, err := leafOf(&e)
		if err != nil {
			return encoded{}, err
		}
		return encode(l, values, missing, &k)
	}}
}
