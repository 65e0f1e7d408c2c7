package stats

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/jszwec/csvutil"
	"github.com/munnerz/goautoneg"
	"github.com/parquet-go/parquet-go"
)

// format is a way to write an answer. All but JSON have the rows alone.
type format struct {
	contentType string
	encode      func(answer) ([]byte, error)
}

var formats = map[string]format{
	"json":    {"application/json", encodeJSON},
	"csv":     {"text/csv", encodeCSV},
	"ndjson":  {"application/x-ndjson", encodeNDJSON},
	"parquet": {"application/vnd.apache.parquet", encodeParquet},
}

// chooseFormat returns the format of the name, else what the Accept header
// likes best, else JSON.
func chooseFormat(name, accept string) format {
	if name != "" {
		return formats[name]
	}
	types := []string{formats["json"].contentType}
	for _, name := range []string{"csv", "ndjson", "parquet"} {
		types = append(types, formats[name].contentType)
	}
	best := goautoneg.Negotiate(accept, types)
	for _, f := range formats {
		if f.contentType == best {
			return f
		}
	}
	return formats["json"]
}

func encodeJSON(a answer) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(a)
	return b.Bytes(), err
}

func encodeNDJSON(a answer) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	rows := reflect.ValueOf(a.Data)
	for i := range rows.Len() {
		if err := e.Encode(rows.Index(i).Interface()); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

func encodeCSV(a answer) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	e := csvutil.NewEncoder(w)
	e.Tag = "json"
	rows := reflect.ValueOf(a.Data)
	if rows.Len() == 0 { // the header alone
		if err := e.EncodeHeader(reflect.Zero(rows.Type().Elem()).Interface()); err != nil {
			return nil, err
		}
	} else if err := e.Encode(a.Data); err != nil {
		return nil, err
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

func encodeParquet(a answer) ([]byte, error) {
	rows := reflect.ValueOf(a.Data)
	rowType := parquetType(rows.Type().Elem())
	var b bytes.Buffer
	w := parquet.NewWriter(&b, parquet.SchemaOf(reflect.New(rowType).Elem().Interface()), parquet.Compression(&parquet.Zstd))
	for i := range rows.Len() {
		if err := w.Write(rows.Index(i).Convert(rowType).Interface()); err != nil {
			return nil, fmt.Errorf("writing Parquet: %w", err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("writing Parquet: %w", err)
	}
	return b.Bytes(), nil
}

// parquetType is the row's type with columns named as in JSON: values convert
// between structs that differ only in tags.
func parquetType(row reflect.Type) reflect.Type {
	var fields []reflect.StructField
	for f := range row.Fields() {
		if _, tagged := f.Tag.Lookup("parquet"); !tagged {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			f.Tag = reflect.StructTag(fmt.Sprintf(`parquet:"%s"`, name))
		}
		fields = append(fields, f)
	}
	return reflect.StructOf(fields)
}
