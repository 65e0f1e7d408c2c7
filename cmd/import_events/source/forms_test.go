package source_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"eventanalytics/cmd/import_events/row"
	"eventanalytics/cmd/import_events/source"
)

// cells reads files as rows of "name=value", with a letter for each kind of value.
func cells(t *testing.T, o source.Options, paths ...string) (all []string, notes []string) {
	t.Helper()
	o.Note = func(note string) { notes = append(notes, note) }
	s, err := source.Open(paths, o)
	require.NoError(t, err)
	defer s.Close()
	for {
		r, err := s.Next()
		if errors.Is(err, io.EOF) {
			done, of := s.Progress()
			require.Equal(t, of, done)
			return all, notes
		}
		require.NoError(t, err)
		var b strings.Builder
		fmt.Fprintf(&b, "%s:%d:", filepath.Base(r.File.Name), r.Line)
		for _, c := range r.Row.Cells {
			fmt.Fprintf(&b, " %s=%c%s", c.Name, "-btTnj"[c.Kind], c.Text)
		}
		b.Write(r.JSON)
		if r.Fault != nil {
			b.WriteString(" " + r.Fault.Code)
		}
		all = append(all, b.String())
	}
}

func TestDialects(t *testing.T) {
	t.Parallel()
	needs := func(names ...string) func([]source.Column) error {
		return func(columns []source.Column) error {
			for _, name := range names {
				found := false
				for _, c := range columns {
					found = found || c.Name == name
				}
				if !found {
					return fmt.Errorf("there is no column %q", name)
				}
			}
			return nil
		}
	}
	for name, c := range map[string]struct {
		file, content string
		options       source.Options
		want          []string
		note          string
	}{
		"commas":              {"a.csv", "a,b\n1,\"2,3\"\n", source.Options{}, []string{"a.csv:2: a=b1 b=b2,3"}, ""},
		"semicolons":          {"a.csv", "a;b\n1,5;\"2;3\"\n", source.Options{}, []string{"a.csv:2: a=b1,5 b=b2;3"}, "semicolons"},
		"tabs":                {"a.csv", "a\tb\n1\t\n", source.Options{}, []string{"a.csv:2: a=b1 b=-"}, "tabs"},
		"bars":                {"a.csv", "a|b\n1|2\n", source.Options{}, []string{"a.csv:2: a=b1 b=b2"}, "vertical bars"},
		"tabs by name":        {"a.tsv", "a,b\tc\n1\t2\n", source.Options{}, []string{"a.tsv:2: a,b=b1 c=b2"}, ""},
		"by the columns":      {"a.csv", "a,x,y;b\n1;2\n", source.Options{Check: needs("b")}, []string{"a.csv:2: a,x,y=b1 b=b2"}, "semicolons"},
		"as said":             {"a.csv", "a;b,c\n1;2,3\n", source.Options{Dialect: source.Dialect{Comma: ','}}, []string{"a.csv:2: a;b=b1;2 c=b3"}, ""},
		"Excel's first line":  {"a.csv", "sep=;\r\na;b\r\n1;2\r\n", source.Options{}, []string{"a.csv:3: a=b1 b=b2"}, ""},
		"a header in quotes":  {"a.csv", "\"a\";\"b\"\n1;2\n", source.Options{}, []string{"a.csv:2: a=b1 b=b2"}, "semicolons"},
		"one column":          {"a.csv", "a\n1\n", source.Options{}, []string{"a.csv:2: a=b1"}, ""},
		"without quotes":      {"a.csv", "1\t\"x\n2\ty\"z\n", source.Options{Dialect: source.Dialect{Comma: '\t', Unquoted: true}, Columns: []string{"a", "b"}}, []string{`a.csv:1: a=b1 b=b"x`, `a.csv:2: a=b2 b=by"z`}, ""},
		"a name that is none": {"part-0", "a,b\n1,2\n", source.Options{Fallback: source.CSV}, []string{"part-0:2: a=b1 b=b2"}, ""},
		"another format":      {"a.txt", "{}\n", source.Options{Format: source.NDJSON}, []string{"a.txt:1:{}"}, ""},
	} {
		all, notes := cells(t, c.options, write(t, c.file, []byte(c.content)))
		require.Equal(t, c.want, all, name)
		if c.note == "" {
			require.Empty(t, notes, name)
		} else {
			require.Len(t, notes, 1, name)
			require.Contains(t, notes[0], c.note)
			require.Contains(t, notes[0], "--delimiter")
		}
	}
	_, err := source.Open([]string{write(t, "a.csv", []byte("\xff\xfea\x00"))}, source.Options{})
	require.ErrorContains(t, err, "UTF-16")
}

func TestJSON(t *testing.T) {
	t.Parallel()
	long := `{"a":"` + strings.Repeat("x", 1<<20) + `"}`
	for name, c := range map[string]struct {
		content string
		want    []string
		err     string
	}{
		"an array":              {"[\n  {\"a\": \"]},\"},\n  {\"b\":\n [1, 2]}\n]\n", []string{`2:{"a": "]},"}`, "3:{\"b\":\n [1, 2]}"}, ""},
		"an empty array":        {" [ ] ", nil, ""},
		"lines":                 {"{\"a\":1}\n{\"a\"\n{\"a\":2}\n", []string{`1:{"a":1}`, `2:{"a"`, `3:{"a":2}`}, ""},
		"one after the other":   {"{\n\"a\":1\n}\n{\n\"a\":2}", []string{"1:{\n\"a\":1\n}", "4:{\n\"a\":2}"}, ""},
		"others than objects":   {`[1, "a\"b", true,null ,[2]]`, []string{"1:1", `1:"a\"b"`, "1:true", "1:null", "1:[2]"}, ""},
		"an item that is long":  {"[" + long + ",\n{}]", []string{"1: too-large", "2:{}"}, ""},
		"not closed":            {"[{}\n,{}\n", []string{"1:{}", "2:{}"}, "line 3"},
		"an item not closed":    {"[{},\n{\"a\":[", []string{"1:{}"}, "line 2"},
		"no comma":              {"[{}\n{}]", []string{"1:{}"}, "line 2"},
		"something after it":    {"[{}]\n[{}]", []string{"1:{}"}, "line 2"},
		"a comma before the ]":  {"[{},\n]", []string{"1:{}"}, "line 2"},
		"a bracket too many":    {"{\n}}", []string{"1:{\n}", "2:}"}, ""},
		"a mark before the all": {"\ufeff[{}]", []string{"1:{}"}, ""},
	} {
		s, err := source.Open([]string{write(t, "a.json", []byte(c.content))}, source.Options{})
		require.NoError(t, err, name)
		var all []string
		for {
			var r source.Record
			if r, err = s.Next(); err != nil {
				break
			}
			text := string(r.JSON)
			if r.Fault != nil {
				text = " " + r.Fault.Code
			}
			all = append(all, fmt.Sprintf("%d:%s", r.Line, text))
		}
		require.NoError(t, s.Close())
		require.Equal(t, c.want, all, name)
		if c.err == "" {
			require.ErrorIs(t, err, io.EOF, name)
		} else {
			require.ErrorContains(t, err, c.err, name)
			require.NotErrorIs(t, err, io.EOF, name)
		}
	}
}

func TestManyFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var paths []string
	for i, content := range []string{"a,b\n1,2\n3,4\n", "b;a\n5;6\n", "a,b\n", "a,b\n7,8\n"} {
		paths = append(paths, filepath.Join(dir, fmt.Sprintf("%d.csv", i)))
		require.NoError(t, os.WriteFile(paths[i], []byte(content), 0o600))
	}
	want := []string{"0.csv:2: a=b1 b=b2", "0.csv:3: a=b3 b=b4", "1.csv:2: b=b5 a=b6", "3.csv:2: a=b7 b=b8"}
	all, notes := cells(t, source.Options{}, paths...)
	require.Equal(t, want, all)
	require.Len(t, notes, 1)

	s, err := source.Open(paths, source.Options{Hash: true})
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, s.Skip(2))
	r, err := s.Next()
	require.NoError(t, err)
	require.Equal(t, [2]int64{2, 1}, [2]int64{r.Line, r.Number})
	require.NotZero(t, r.File.SHA256)
	require.ErrorIs(t, s.Skip(2), io.EOF)

	require.NoError(t, os.WriteFile(paths[3], []byte("\"a"), 0o600))
	_, err = source.Open(paths, source.Options{})
	require.ErrorContains(t, err, "3.csv", "refused before anything of the others is read")
}

func TestParquetTypes(t *testing.T) {
	t.Parallel()
	type inner struct {
		Name  string   `parquet:"name"`
		Score *float64 `parquet:"score,optional"`
	}
	type typed struct {
		ID      uuid.UUID        `parquet:"id,uuid"`
		Price   int64            `parquet:"price,decimal(2:18)"`
		Small   int32            `parquet:"small,decimal(4:9)"`
		Double  float64          `parquet:"double"`
		Single  float32          `parquet:"single"`
		Flag    bool             `parquet:"flag"`
		Day     int32            `parquet:"day,date"`
		At      time.Time        `parquet:"at,timestamp(millisecond)"`
		Struct  *inner           `parquet:"struct,optional"`
		Structs []inner          `parquet:"structs"`
		List    []string         `parquet:"list,list"`
		Map     map[string]int64 `parquet:"map"`
		Nothing *string          `parquet:"nothing,optional"`
		Unsign  uint32           `parquet:"unsign"`
	}
	score := 0.5
	at := time.Date(2025, 8, 1, 10, 0, 0, 0, time.UTC)
	file := asParquet(t, []typed{
		{
			uuid.MustParse(id), 1250, -5, 42, 0.1, true, 20301, at, &inner{"a\"", &score}, []inner{{"b", nil}, {"c", &score}},
			[]string{"x", "y"}, map[string]int64{"k": 1}, nil, 1 << 31,
		},
		{Double: 1e300, Single: 16777216, At: at, Struct: &inner{"", nil}},
	})
	all, _ := cells(t, source.Options{}, write(t, "a.parquet", file))
	require.Equal(t, []string{
		`a.parquet:1: id=t` + id + ` price=n12.50 small=n-0.0005 double=n42 single=n0.1 flag=jtrue day=t2025-08-01 at=T2025-08-01T10:00:00Z` +
			` struct=j{"name":"a\"","score":0.5} structs=j[{"name":"b"},{"name":"c","score":0.5}] list=j["x","y"] map=j{"k":1} nothing=- unsign=n2147483648`,
		`a.parquet:2: id=t00000000-0000-0000-0000-000000000000 price=n0.00 small=n0.0000 double=n1e+300 single=n16777216 flag=jfalse day=t1970-01-01 at=T2025-08-01T10:00:00Z` +
			` struct=j{"name":""} structs=j[] list=j[] map=j{} nothing=- unsign=n0`,
	}, all)

	// Lists of lists, with nothing at every level.
	type nested struct {
		Outer []struct {
			Inner []*int64 `parquet:"inner,list"`
		} `parquet:"outer"`
	}
	one, two := int64(1), int64(2)
	group := func(n ...*int64) struct {
		Inner []*int64 `parquet:"inner,list"`
	} {
		return struct {
			Inner []*int64 `parquet:"inner,list"`
		}{n}
	}
	all, _ = cells(t, source.Options{}, write(t, "b.parquet", asParquet(t, []nested{{}, {Outer: []struct {
		Inner []*int64 `parquet:"inner,list"`
	}{group(&one, &two), group(), group(&one)}}})))
	require.Equal(t, []string{`b.parquet:1: outer=j[]`, `b.parquet:2: outer=j[{"inner":[1,2]},{"inner":[]},{"inner":[1]}]`}, all)

	// Decimals of any length, as Spark and DuckDB write them.
	schema := parquet.NewSchema("x", parquet.Group{"d": parquet.Optional(parquet.Decimal(3, 30, parquet.FixedLenByteArrayType(13)))})
	var b bytes.Buffer
	w := parquet.NewWriter(&b, schema)
	minus := bytes.Repeat([]byte{0xff}, 13)
	big := append([]byte{0x01}, make([]byte, 12)...)
	for _, v := range []parquet.Value{
		parquet.FixedLenByteArrayValue(minus).Level(0, 1, 0), parquet.FixedLenByteArrayValue(big).Level(0, 1, 0), parquet.NullValue().Level(0, 0, 0),
	} {
		_, err := w.WriteRows([]parquet.Row{{v}})
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	all, _ = cells(t, source.Options{}, write(t, "c.parquet", b.Bytes()))
	require.Equal(t, []string{`c.parquet:1: d=n-0.001`, `c.parquet:2: d=n79228162514264337593543950.336`, `c.parquet:3: d=-`}, all)
}

// Text of a rejected row is what the file has, also of values that JSON has not.
func TestParquetNumbersThatJSONHasNot(t *testing.T) {
	t.Parallel()
	type one struct {
		N float64 `parquet:"n"`
	}
	zero := 0.0
	all, _ := cells(t, source.Options{}, write(t, "a.parquet", asParquet(t, []one{{zero / zero}, {1 / zero}, {-1 / zero}})))
	require.Equal(t, []string{"a.parquet:1: n=-", "a.parquet:2: n=tInf", "a.parquet:3: n=t-Inf"}, all)
}

// A number has an exponent only if its digits would be too many, or are not all known.
func TestParquetNumbers(t *testing.T) {
	t.Parallel()
	type one struct {
		Double float64 `parquet:"d"`
		Single float32 `parquet:"s"`
	}
	all, _ := cells(t, source.Options{}, write(t, "a.parquet", asParquet(t, []one{
		{1754042400.25, 1234567.5}, {-12345678.125, -0.00001}, {0.000001, 1 << 24}, {1.5e-7, 1<<24 + 2}, {1 << 53, 1e-7}, {1<<53 + 2, 1e30}, {math.Copysign(0, -1), 0.1},
	})))
	require.Equal(t, []string{
		"a.parquet:1: d=n1754042400.25 s=n1234567.5", "a.parquet:2: d=n-12345678.125 s=n-0.00001", "a.parquet:3: d=n0.000001 s=n16777216",
		"a.parquet:4: d=n1.5e-07 s=n1.6777218e+07", "a.parquet:5: d=n9007199254740992 s=n1e-07", "a.parquet:6: d=n9.007199254740994e+15 s=n1e+30", "a.parquet:7: d=n0 s=n0.1",
	}, all)
}

func TestRowGet(t *testing.T) {
	t.Parallel()
	r, err := row.OfObject([]byte(`{"a.b":1,"a":{"b":2,"c":{"d":"x","e.f":null}},"s":"{\"t\":true}","n":{"x":1},"n":{"x":2}}`))
	require.NoError(t, err)
	for path, want := range map[string]row.Value{
		"a.b": {Kind: row.Number, Text: "1"}, "a.c.d": {Kind: row.Text, Text: "x"}, "a.c.e.f": {}, "s.t": {Kind: row.JSON, Text: "true"},
		"n.x": {Kind: row.Number, Text: "2"}, "b": {}, "a.x": {}, "a.b.c": {}, "": {}, ".": {}, "a.": {},
	} {
		require.Equal(t, want, r.Get(path), path)
	}
}
