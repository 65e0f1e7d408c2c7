package source

import (
	"encoding/binary"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"

	"eventanalytics/cmd/import_events/row"
)

type leafReader = func(parquet.Value) row.Value

// leafOf returns how a leaf's values are read, or nil if its type is not supported.
func leafOf(c *parquet.Column) (row.Kind, leafReader) {
	var logical format.LogicalTypeValue
	if l := c.Type().LogicalType(); l != nil {
		logical = l.Value
	}
	kind := c.Type().Kind()
	switch l := logical.(type) {
	case *format.TimestampType:
		return timestamps(kind, l)
	case *format.DecimalType:
		return row.Number, decimals(kind, int(l.Scale))
	case *format.DateType:
		return texts(func(v parquet.Value) string {
			return time.Unix(int64(v.Int32())*24*60*60, 0).UTC().Format(time.DateOnly)
		})
	case *format.TimeType:
		return timesOfDay(kind, l)
	case *format.Float16Type:
		return row.Number, func(v parquet.Value) row.Value { return float(float16(v.ByteArray())) }
	case *format.UUIDType:
		return texts(uuidText)
	case *format.JsonType:
		return row.JSON, jsonValue
	case nil, *format.StringType, *format.EnumType, *format.IntType:
		return plain(kind, logical, c.Type().Length())
	}
	return row.None, nil
}

// plain reads what has no logical type, or one that changes nothing.
func plain(kind parquet.Kind, logical format.LogicalTypeValue, length int) (row.Kind, leafReader) {
	unsigned := false
	if l, ok := logical.(*format.IntType); ok {
		unsigned = !l.IsSigned
	}
	switch kind {
	case parquet.Boolean:
		return row.JSON, func(v parquet.Value) row.Value {
			return row.Value{Kind: row.JSON, Text: strconv.FormatBool(v.Boolean())}
		}
	case parquet.Int32:
		return row.Number, func(v parquet.Value) row.Value {
			if unsigned {
				return number(strconv.FormatUint(uint64(v.Uint32()), 10))
			}
			return number(strconv.FormatInt(int64(v.Int32()), 10))
		}
	case parquet.Int64:
		return row.Number, func(v parquet.Value) row.Value {
			if unsigned {
				return number(strconv.FormatUint(v.Uint64(), 10))
			}
			return number(strconv.FormatInt(v.Int64(), 10))
		}
	case parquet.Int96:
		return row.Time, func(v parquet.Value) row.Value { return instant(int96Time(v.Int96())) }
	case parquet.Float:
		return row.Number, func(v parquet.Value) row.Value { return float32Value(v.Float()) }
	case parquet.Double:
		return row.Number, func(v parquet.Value) row.Value { return float(v.Double()) }
	case parquet.ByteArray:
		return texts(func(v parquet.Value) string { return string(v.ByteArray()) })
	case parquet.FixedLenByteArray:
		if length == len(uuid.UUID{}) {
			return texts(uuidText)
		}
	}
	return row.None, nil
}

func texts(text func(parquet.Value) string) (row.Kind, leafReader) {
	return row.Text, func(v parquet.Value) row.Value { return row.Value{Kind: row.Text, Text: text(v)} }
}

func number(digits string) row.Value { return row.Value{Kind: row.Number, Text: digits} }

func uuidText(v parquet.Value) string { return uuid.UUID(v.ByteArray()).String() }

func jsonValue(v parquet.Value) row.Value {
	value, err := row.Parse(v.ByteArray())
	if err != nil {
		return row.Value{Kind: row.Text, Text: string(v.ByteArray())}
	}
	return value
}

// float writes a number so that reading it gives the same one. NaN is what pandas has for
// nothing; JSON has no infinity, which becomes a string.
func float(f float64) row.Value { return floatOf(f, 64, 1<<53) }

func float32Value(f float32) row.Value { return floatOf(float64(f), 32, 1<<24) }

// floatOf writes a number of some bits. Whole numbers up to exact are one integer each;
// beyond it the exponent stays, which tells that digits are lost.
func floatOf(f float64, bits int, exact float64) row.Value {
	size := math.Abs(f)
	switch {
	case math.IsNaN(f):
		return row.Value{}
	case math.IsInf(f, 0):
		return row.Value{Kind: row.Text, Text: strings.TrimPrefix(strconv.FormatFloat(f, 'g', -1, 64), "+")}
	case f == math.Trunc(f) && size <= exact:
		return number(strconv.FormatInt(int64(f), 10))
	case f != math.Trunc(f) && size >= 1e-6: // as JSON and CSV have it, so that times and ids are the same
		return number(strconv.FormatFloat(f, 'f', -1, bits))
	}
	return number(strconv.FormatFloat(f, 'g', -1, bits))
}

func float16(b []byte) float64 {
	bits := binary.LittleEndian.Uint16(b)
	fraction, exponent := float64(bits&0x3ff)/1024, int(bits>>10&0x1f)
	var f float64
	switch {
	case exponent == 0x1f && fraction != 0:
		return math.NaN()
	case exponent == 0x1f:
		f = math.Inf(1)
	case exponent == 0:
		f = math.Ldexp(fraction, -14)
	default:
		f = math.Ldexp(1+fraction, exponent-15)
	}
	if bits&0x8000 != 0 {
		f = -f
	}
	return f
}

// decimals writes numbers with all their digits.
func decimals(kind parquet.Kind, scale int) leafReader {
	switch kind {
	case parquet.Int32:
		return func(v parquet.Value) row.Value { return scaled(big.NewInt(int64(v.Int32())), scale) }
	case parquet.Int64:
		return func(v parquet.Value) row.Value { return scaled(big.NewInt(v.Int64()), scale) }
	case parquet.ByteArray, parquet.FixedLenByteArray:
		return func(v parquet.Value) row.Value { return scaled(twosComplement(v.ByteArray()), scale) }
	}
	return nil
}

// twosComplement reads a signed integer, its highest byte first.
func twosComplement(b []byte) *big.Int {
	n := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return n
}

func scaled(n *big.Int, scale int) row.Value {
	digits := new(big.Int).Abs(n).String()
	if scale > 0 {
		if short := scale + 1 - len(digits); short > 0 {
			digits = strings.Repeat("0", short) + digits
		}
		digits = digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
	}
	if n.Sign() < 0 {
		digits = "-" + digits
	}
	return number(digits)
}

// timestamps are instants, or else what a clock showed.
func timestamps(kind parquet.Kind, l *format.TimestampType) (row.Kind, leafReader) {
	if kind != parquet.Int64 {
		return row.None, nil
	}
	var read func(int64) time.Time
	switch l.Unit.Value.(type) {
	case *format.MilliSeconds:
		read = time.UnixMilli
	case *format.MicroSeconds:
		read = time.UnixMicro
	case *format.NanoSeconds:
		read = func(n int64) time.Time { return time.Unix(0, n) }
	default:
		return row.None, nil
	}
	if l.IsAdjustedToUTC {
		return row.Time, func(v parquet.Value) row.Value { return instant(read(v.Int64())) }
	}
	return texts(func(v parquet.Value) string { return read(v.Int64()).UTC().Format("2006-01-02T15:04:05.999999999") })
}

func timesOfDay(kind parquet.Kind, l *format.TimeType) (row.Kind, leafReader) {
	unit := time.Nanosecond
	switch l.Unit.Value.(type) {
	case *format.MilliSeconds:
		unit = time.Millisecond
	case *format.MicroSeconds:
		unit = time.Microsecond
	}
	return texts(func(v parquet.Value) string {
		n := int64(v.Int32())
		if kind == parquet.Int64 {
			n = v.Int64()
		}
		return time.Unix(0, n*int64(unit)).UTC().Format("15:04:05.999999999")
	})
}

func instant(t time.Time) row.Value {
	return row.Value{Kind: row.Time, Text: t.UTC().Format(time.RFC3339Nano)}
}

// int96Time reads the timestamps of old writers: nanoseconds of the day and the
// Julian day, where 2,440,588 is 1970-01-01.
func int96Time(v deprecated.Int96) time.Time {
	nanos := int64(v[1])<<32 | int64(v[0])
	return time.Unix((int64(v[2])-2_440_588)*24*60*60, nanos)
}
