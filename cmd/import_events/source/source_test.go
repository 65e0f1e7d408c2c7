package source_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/stretchr/testify/require"

	"eventanalytics/cmd/import_events/mapping"
	"eventanalytics/cmd/import_events/row"
	"eventanalytics/cmd/import_events/source"
)

const (
	id     = "25a4b866-040b-466f-945c-148e4720f511"
	header = "event_id,occurred_at,user_id,event_type,properties_json\n"
)

// record is what a test checks; either event or code is set.
type record struct {
	line                int64
	event, column, code string
	text                string
}

func TestCSV(t *testing.T) {
	t.Parallel()
	good := id + `,2025-08-21T06:52:34+03:00,1,view,"{""a"": 1}"`
	made := `{"event_id":"` + id + `","occurred_at":"2025-08-21T06:52:34+03:00","user_id":"1","event_type":"view","properties_json":{"a": 1}}`
	for name, tc := range map[string]struct {
		file string
		want []record
	}{
		"plain":              {header + good + "\n", []record{{line: 2, event: made, text: good}}},
		"no line end at end": {header + good, []record{{line: 2, event: made, text: good}}},
		"CRLF and BOM":       {"\ufeff" + strings.ReplaceAll(header+good+"\n", "\n", "\r\n"), []record{{line: 2, event: made, text: good}}},
		"empty lines":        {header + "\n\n" + good + "\n\n" + good + "\n", []record{{line: 4, event: made, text: good}, {line: 6, event: made, text: good}}},
		"another order": {"user_id,event_type,event_id,occurred_at\n7,x," + id + ",2025-08-21\n", []record{
			{line: 2, event: `{"user_id":"7","event_type":"x","event_id":"` + id + `","occurred_at":"2025-08-21"}`, text: "7,x," + id + ",2025-08-21"},
		}},
		"quoted line ends": {header + id + ",t,1,\"a\nb\nc\",\"{\n}\"\n" + good + "\n", []record{
			{
				line: 2, text: id + ",t,1,\"a\nb\nc\",\"{\n}\"",
				event: `{"event_id":"` + id + `","occurred_at":"t","user_id":"1","event_type":"a\nb\nc","properties_json":{` + "\n}}",
			},
			{line: 6, event: made, text: good},
		}},
		"no properties": {header + id + ",t,007,x,\n", []record{
			{line: 2, event: `{"event_id":"` + id + `","occurred_at":"t","user_id":"007","event_type":"x"}`, text: id + ",t,007,x,"},
		}},
		"wrong number of fields": {header + "a,b\n" + good + "\na,b,c,d,e,f\n", []record{
			{line: 2, code: "wrong-field-count", text: "a,b"}, {line: 3, event: made, text: good}, {line: 4, code: "wrong-field-count", text: "a,b,c,d,e,f"},
		}},
		"stray quotes": {header + `a,b"c,1,x,` + "\n" + good + "\n" + `"a"b,t,1,x,` + "\n" + good + "\n", []record{
			{line: 2, code: "malformed-csv", text: `a,b"c,1,x,`}, {line: 3, event: made, text: good},
			{line: 4, code: "malformed-csv", text: `"a"b,t,1,x,`}, {line: 5, event: made, text: good},
		}},
		"a quote that is not closed": {header + good + "\n" + `a,b,1,x,"{` + "\n", []record{
			{line: 2, event: made, text: good}, {line: 3, code: "malformed-csv", text: `a,b,1,x,"{`},
		}},
		"properties that are not JSON": {header + "a,b,1,x,{\n", []record{{line: 2, column: "properties_json", code: "malformed-json", text: "a,b,1,x,{"}}},
		"properties that end the event": {header + `a,b,1,x,"{}}{""event_id"":1"` + "\n", []record{
			{line: 2, column: "properties_json", code: "malformed-json", text: `a,b,1,x,"{}}{""event_id"":1"`},
		}},
		"a key twice": {header + `a,b,1,x,"{""a"":1,""a"":2}"` + "\n", []record{
			{line: 2, event: `{"event_id":"a","occurred_at":"b","user_id":"1","event_type":"x","properties_json":{"a":1,"a":2}}`, text: `a,b,1,x,"{""a"":1,""a"":2}"`},
		}},
		"line ends of Windows in a cell": {header + "a,b,\"c\r\nd\r\",x,\r\n", []record{
			{line: 2, event: `{"event_id":"a","occurred_at":"b","user_id":"c\r\nd\r","event_type":"x"}`, text: "a,b,\"c\r\nd\r\",x,"},
		}},
		"not UTF-8":    {header + "a,b,1,\xff,\n", []record{{line: 2, column: "event_type", code: "invalid-utf8", text: "a,b,1,\xff,"}}},
		"only headers": {header, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reads(t, write(t, "events.csv", []byte(tc.file)), tc.want)
		})
	}
}

func TestNDJSON(t *testing.T) {
	t.Parallel()
	long := `{"a":"` + strings.Repeat("x", 1<<20) + `"}`
	file := `{"a": 1,  "b":2}` + "\r\n\n  \n" + `{"a":1` + "\n" + `{"a":1} {"a":2}` + "\n" + `{"a":1,"a":2}` + "\n" + long + "\n" + `[1]`
	want := []record{
		{line: 1, event: `{"a": 1,  "b":2}`, text: `{"a": 1,  "b":2}`},
		{line: 4, event: `{"a":1`}, // the API's rules say what is wrong with it
		{line: 5, event: `{"a":1}`},
		{line: 5, event: ` {"a":2}`},
		{line: 6, event: `{"a":1,"a":2}`},
		{line: 7, code: "too-large", text: long[:1<<20]},
		{line: 8, event: `[1]`, text: `[1]`},
	}
	reads(t, write(t, "events.ndjson", []byte(file)), want)
	reads(t, write(t, "events.JSONL", []byte(file)), want)

	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, err := z.Write([]byte(file))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	reads(t, write(t, "events.ndjson.gz", packed.Bytes()), want)

	encoder, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	reads(t, write(t, "events.ndjson.zst", encoder.EncodeAll([]byte(file), nil)), want)

	s, err := open(write(t, "cut.ndjson.gz", packed.Bytes()[:packed.Len()-9]))
	require.NoError(t, err)
	defer s.Close()
	for err == nil {
		_, err = s.Next()
	}
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

func TestParquet(t *testing.T) {
	t.Parallel()
	at := time.Date(2025, 8, 21, 3, 52, 34, 123456789, time.UTC)
	type typed struct {
		Properties *string   `parquet:"properties_json,optional"`
		ID         uuid.UUID `parquet:"event_id,uuid"`
		At         time.Time `parquet:"occurred_at,timestamp(microsecond)"`
		User       int64     `parquet:"user_id"`
		Type       string    `parquet:"event_type,dict"`
	}
	properties, broken := `{"a": 1}`, `{"a"`
	rows := []typed{
		{&properties, uuid.MustParse(id), at, 42, "view"},
		{nil, uuid.MustParse(id), at, -1, "view"},
		{&broken, uuid.MustParse(id), at, 1, "view"},
	}
	head := `"event_id":"` + id + `","occurred_at":"2025-08-21T03:52:34.123456Z","user_id":`
	reads(t, write(t, "typed.parquet", asParquet(t, rows)), []record{
		{line: 1, event: `{"properties_json":{"a": 1},` + head + `"42","event_type":"view"}`, text: `{"properties_json":"{\"a\": 1}",` + head + `42,"event_type":"view"}`},
		{line: 2, event: `{` + head + `"-1","event_type":"view"}`, text: `{` + head + `-1,"event_type":"view"}`},
		{line: 3, column: "properties_json", code: "malformed-json", text: `{"properties_json":"{\"a\"",` + head + `1,"event_type":"view"}`},
	})

	type loose struct {
		ID   string           `parquet:"event_id"`
		At   deprecated.Int96 `parquet:"occurred_at"`
		User *string          `parquet:"user_id,optional"`
		Type []byte           `parquet:"event_type"`
	}
	const nanos = 13_954_123_456_789 // of the day
	reads(t, write(t, "loose.parquet", asParquet(t, []loose{{id, deprecated.Int96{nanos & 0xffffffff, nanos >> 32, 2_460_909}, nil, []byte("view")}})), []record{
		{line: 1, event: `{"event_id":"` + id + `","occurred_at":"2025-08-21T03:52:34.123456789Z","event_type":"view"}`},
	})

	type unsigned struct {
		ID   string `parquet:"event_id"`
		At   int64  `parquet:"occurred_at,timestamp(millisecond:local)"`
		User uint64 `parquet:"user_id"`
		Type string `parquet:"event_type,enum"`
	}
	reads(t, write(t, "unsigned.parquet", asParquet(t, []unsigned{{id, at.UnixMilli(), 1 << 63, "view"}})), []record{
		{line: 1, event: `{"event_id":"` + id + `","occurred_at":"2025-08-21T03:52:34.123","user_id":"9223372036854775808","event_type":"view"}`, text: `{"event_id":"` + id + `","occurred_at":"2025-08-21T03:52:34.123","user_id":9223372036854775808,"event_type":"view"}`},
	})
}

// Rows that nobody can import do not keep the rest of the file from being imported.
func TestRowsOfAnyLength(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 6<<20)
	kept := 4 << 20
	good := "a,b,1,x,\n"
	made := `{"event_id":"a","occurred_at":"b","user_id":"1","event_type":"x"}`
	for name, row := range map[string]string{
		"plain": strings.Repeat("x", 65<<20), "quoted": `a,b,1,x,"{""a"": ""` + long + `,""b"": 1` + "\n\n" + `}"`,
		"malformed": `"a"b` + long, "malformed later": `a,"b` + long + "\n" + `"x,""`,
	} {
		t.Run(name, func(t *testing.T) {
			all := read(t, write(t, "events.csv", []byte(header+good+row+"\n"+good)), 0)
			require.Len(t, all, 3)
			require.Equal(t, made, string(all[0].Event))
			require.Equal(t, "too-large", all[1].Fault.Code)
			require.True(t, row[:kept] == string(all[1].Text), "its beginning is kept")
			require.Equal(t, made, string(all[2].Event))
			require.Equal(t, int64(4+strings.Count(row, "\n")), all[2].Line)
		})
	}
	t.Run("a quote that is not closed", func(t *testing.T) {
		all := read(t, write(t, "events.csv", []byte(header+`a,"`+strings.Repeat("x,\n", 2<<20))), 0)
		require.Len(t, all, 1)
		require.Contains(t, all[0].Fault.Reason, "quote")
	})
}

// Page indexes may be stored in any order, and need not be.
func TestParquetWithInterleavedPageIndexes(t *testing.T) {
	t.Parallel()
	file, err := os.ReadFile("testdata/interleaved.parquet")
	require.NoError(t, err)
	all := read(t, write(t, "a.parquet", file), 0)
	require.Len(t, all, 5)
	require.Equal(t, all[3:], read(t, write(t, "a.parquet", file), 3))
	for _, r := range all {
		require.Nil(t, r.Fault)
	}
}

// A damaged file is an error that names the row, or has fewer valid rows; it never
// panics, and never ends early as if it were whole.
func TestDamagedParquet(t *testing.T) {
	t.Parallel()
	type row struct {
		Properties *string   `parquet:"properties_json,optional,zstd"`
		ID         uuid.UUID `parquet:"event_id,uuid"`
		At         time.Time `parquet:"occurred_at,timestamp(microsecond),delta"`
		User       string    `parquet:"user_id,dict,snappy"`
		Type       string    `parquet:"event_type,dict"`
	}
	properties := `{"a": 1}`
	rows := make([]row, 700)
	for i := range rows {
		rows[i] = row{&properties, uuid.New(), time.Unix(int64(i), 0), strings.Repeat("u", i%50+1), "view"}
	}
	interleaved, err := os.ReadFile("testdata/interleaved.parquet")
	require.NoError(t, err)
	for name, whole := range map[string][]byte{"ours": asParquet(t, rows), "interleaved": interleaved} {
		random := rand.New(rand.NewPCG(1, 2))
		path := filepath.Join(t.TempDir(), name+".parquet")
		for i := range 1000 {
			damaged := bytes.Clone(whole)
			if i%4 == 0 {
				damaged = damaged[:random.IntN(len(damaged))]
			}
			for range min(1+i%3, len(damaged)) {
				at := random.IntN(len(damaged))
				if i%2 == 0 { // where the footer is
					at = len(damaged) - 1 - random.IntN(min(len(damaged), 2000))
				}
				damaged[at] = byte(random.Uint32())
			}
			require.NoError(t, os.WriteFile(path, damaged, 0o600))
			s, err := open(path)
			if err != nil {
				continue
			}
			n := int64(0)
			for ; err == nil && n < 10_000; n++ {
				_, err = s.Next()
			}
			done, of := s.Progress()
			if errors.Is(err, io.EOF) {
				require.Equal(t, of, done)
			} else if n < 10_000 {
				require.ErrorContains(t, err, fmt.Sprintf("reading row %d", n))
			}
			_ = s.Skip(3)
			_ = s.Close()
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	type unitless struct {
		ID   string `parquet:"event_id"`
		At   int64  `parquet:"occurred_at"`
		User string `parquet:"user_id"`
		Type string `parquet:"event_type"`
	}
	for name, tc := range map[string]struct{ file, content, message string }{
		"empty":             {"a.csv", "", "empty"},
		"missing column":    {"a.csv", "event_id,occurred_at,user_id\n", `no column "event_type"`},
		"unknown column":    {"a.csv", "country," + header, `"country"`},
		"column twice":      {"a.csv", "user_id," + header, `"user_id" is there twice`},
		"unknown extension": {"a.txt", "[]", ".ndjson"},
		"not Parquet":       {"a.parquet", "PAR1", "Parquet"},
		"not gzip":          {"a.csv.gz", header, "decompressing"},
		"time without unit": {"b.parquet", string(asParquet(t, []unitless{{}})), `"occurred_at" has the type INT(64,true)`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := open(write(t, tc.file, []byte(tc.content)))
			require.ErrorContains(t, err, tc.message)
		})
	}
}

func TestSkipGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	type row struct {
		ID   string `parquet:"event_id"`
		At   string `parquet:"occurred_at"`
		User int32  `parquet:"user_id"`
		Type string `parquet:"event_type"`
	}
	rows := make([]row, 1000)
	table, lines := header, ""
	for i := range rows {
		rows[i] = row{id, "t", int32(i), "x"}
		table += "a,\"b\n\",1,x,\n"
		lines += "{}\n\n"
	}
	for name, content := range map[string][]byte{"a.parquet": asParquet(t, rows), "a.csv": []byte(table), "a.ndjson": []byte(lines)} {
		all := read(t, write(t, name, content), 0)
		require.Len(t, all, 1000)
		require.Equal(t, all[700:], read(t, write(t, name, content), 700), name)
		s, err := open(write(t, name, content))
		require.NoError(t, err)
		require.ErrorIs(t, s.Skip(1001), io.EOF, name)
		require.NoError(t, s.Close())
	}
}

// open opens a file in the API's own form.
func open(path string) (source.Source, error) {
	native := mapping.Native{Numbers: mapping.RefuseNumbers}
	s, err := source.Open([]string{path}, source.Options{Check: native.Check})
	return mapping.Reader{Source: s, Converter: native}, err
}

func write(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, content, 0o600))
	return path
}

func asParquet[T any](t *testing.T, rows []T) []byte {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[T](&b, parquet.MaxRowsPerRowGroup(300))
	_, err := w.Write(rows)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

func read(t *testing.T, path string, skip int64) (all []source.Record) {
	t.Helper()
	s, err := open(path)
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, s.Skip(skip))
	for {
		r, err := s.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		r.Row, r.File = row.Row{}, nil
		all = append(all, r)
	}
	done, of := s.Progress()
	require.Equal(t, of, done)
	return all
}

func reads(t *testing.T, path string, want []record) {
	t.Helper()
	all := read(t, path, 0)
	require.Len(t, all, len(want))
	for i, r := range all {
		w := want[i]
		require.Equal(t, w.line, r.Line)
		if w.text == "" {
			w.text = w.event
		}
		require.Equal(t, w.text, string(r.Text))
		require.Equal(t, w.event, string(r.Event))
		if w.code == "" {
			require.Nil(t, r.Fault)
			continue
		}
		require.NotNil(t, r.Fault, w.code)
		require.Equal(t, [2]string{w.column, w.code}, [2]string{r.Fault.Column, r.Fault.Code})
	}
}
