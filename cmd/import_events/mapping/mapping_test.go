package mapping_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"eventanalytics/cmd/import_events/mapping"
	"eventanalytics/cmd/import_events/source"
	"eventanalytics/pkg/event"
)

// result is an event, or why there is none.
type result struct{ event, column, code string }

// convert reads files by flags.
func convert(t *testing.T, f mapping.Flags, skip int64, paths ...string) []result {
	t.Helper()
	m, err := f.Mapping()
	require.NoError(t, err)
	s, err := source.Open(paths, source.Options{Check: m.Check, Hash: m.ID.Row})
	require.NoError(t, err)
	in := mapping.Reader{Source: s, Converter: m}
	defer in.Close()
	require.NoError(t, in.Skip(skip))
	var all []result
	for {
		r, err := in.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		if r.Fault != nil {
			require.NotEmpty(t, r.Fault.Reason)
			all = append(all, result{column: r.Fault.Column, code: r.Fault.Code})
		} else {
			all = append(all, result{event: string(r.Event)})
		}
	}
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// id of an event.
func id(t *testing.T, r result) string {
	t.Helper()
	var e struct {
		ID string `json:"event_id"`
	}
	require.NoError(t, json.Unmarshal([]byte(r.event), &e), "%+v", r)
	return e.ID
}

// TestFormatsAgree: the same rows are the same events in whatever form they come.
func TestFormatsAgree(t *testing.T) {
	t.Parallel()
	type data struct {
		When  string   `json:"when" parquet:"when"`
		User  int64    `json:"user" parquet:"user"`
		Name  string   `json:"name" parquet:"name"`
		Price *float64 `json:"price" parquet:"price,optional"`
		Paid  bool     `json:"paid" parquet:"paid"`
		Note  *string  `json:"note" parquet:"note,optional"`
		Tags  []string `json:"tags" parquet:"tags,list"`
	}
	random := rand.New(rand.NewPCG(5, 6))
	texts := []string{"a", "é, \"q\"\n", "007", "1e5", "null", "{", "\U0001f600", "=1+1", " a "}
	pick := func() string { return texts[random.IntN(len(texts))] }
	rows := make([]data, 200)
	for i := range rows {
		r := data{
			When: time.Unix(1_754_000_000+random.Int64N(1e6), 0).UTC().Format("02.01.2006 15:04:05"), User: random.Int64N(1000) - 500,
			Name: strings.Trim(pick(), "\n"), Paid: random.IntN(2) == 0, Tags: []string{},
		}
		if random.IntN(2) == 0 {
			price := float64(random.IntN(10_000)) / 8
			r.Price = &price
		}
		if random.IntN(2) == 0 {
			note := pick()
			r.Note = &note
		}
		for range random.IntN(3) {
			r.Tags = append(r.Tags, pick())
		}
		rows[i] = r
	}

	var table, lines, parquetFile bytes.Buffer
	w := csv.NewWriter(&table)
	require.NoError(t, w.Write([]string{"when", "user", "name", "price", "paid", "note", "tags"}))
	for _, r := range rows {
		tags, err := json.Marshal(r.Tags)
		require.NoError(t, err)
		cells := []string{r.When, strconv.FormatInt(r.User, 10), r.Name, "", strconv.FormatBool(r.Paid), "", string(tags)}
		if r.Price != nil {
			cells[3] = strconv.FormatFloat(*r.Price, 'f', -1, 64)
		}
		if r.Note != nil {
			cells[5] = *r.Note
		}
		require.NoError(t, w.Write(cells))
		require.NoError(t, json.NewEncoder(&lines).Encode(r))
	}
	w.Flush()
	array, err := json.MarshalIndent(rows, "", "  ")
	require.NoError(t, err)
	p := parquet.NewGenericWriter[data](&parquetFile, parquet.MaxRowsPerRowGroup(70))
	_, err = p.Write(rows)
	require.NoError(t, err)
	require.NoError(t, p.Close())

	files := map[string]string{
		"a.csv": table.String(), "b.ndjson": lines.String(), "c.json": string(array), "d.json": lines.String(), "e.parquet": parquetFile.String(),
	}
	for _, from := range []string{"when,user,name", "content"} {
		f := mapping.Flags{
			Map: []string{"occurred_at=when,user_id=user", "event_type=name"}, Rest: "properties", IDFrom: from, TimeFormat: "%d.%m.%Y %H:%M:%S",
			Types: []string{"price=number,paid=bool,tags=json"}, Numbers: mapping.RefuseNumbers,
		}
		want := decoded(t, convert(t, f, 0, write(t, "a.csv", files["a.csv"])))
		require.Len(t, want, len(rows))
		for name, content := range files {
			path := write(t, name, content)
			all := convert(t, f, 0, path)
			require.Equal(t, want, decoded(t, all), "%s, ids from %s", name, from)
			require.Equal(t, all[77:], convert(t, f, 77, path), "%s resumed", name)
		}
	}
}

// decoded are events as the service reads them, with properties by their value.
func decoded(t *testing.T, all []result) (out []string) {
	t.Helper()
	for _, r := range all {
		if r.event == "" {
			out = append(out, fmt.Sprint(r))
			continue
		}
		b, err := event.Decode(strings.NewReader(r.event), false, event.Limits{MaxEvents: 1, NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)})
		require.NoError(t, err)
		require.Empty(t, b.Invalid, r.event)
		e := b.Events[0]
		out = append(out, fmt.Sprint(e.ID, e.OccurredAt, e.UserID, e.Type, e.Content()))
	}
	return out
}

func TestMapping(t *testing.T) {
	t.Parallel()
	const given = "25a4b866-040b-466f-945c-148e4720f511"
	made := func(rest string) string {
		return `{"event_id":"` + given + `","occurred_at":"2025-08-01T10:00:00Z","user_id":"u","event_type":"x"` + rest + `}`
	}
	base := mapping.Flags{Map: []string{"event_id=i,occurred_at=t,user_id=user.id|device,event_type=e"}}
	with := func(change func(*mapping.Flags)) mapping.Flags {
		f := base
		change(&f)
		return f
	}
	row := func(more string) string {
		return `{"i":"` + given + `","t":"2025-08-01T10:00:00Z","e":"x"` + more + `}`
	}
	keep := with(func(f *mapping.Flags) { f.Rest = "properties" })
	for name, c := range map[string]struct {
		flags mapping.Flags
		row   string
		want  result
	}{
		"path into an object":         {keep, row(`,"user":{"id":"u","plan":1.50}`), result{event: made(`,"properties":{"user":{"id":"u","plan":1.50}}`)}},
		"first with a value":          {keep, row(`,"user":{"id":""},"device":"u"`), result{event: made(`,"properties":{"user":{"id":""}}`)}},
		"none with a value":           {keep, row(`,"user":null`), result{column: "user.id or device", code: "missing-field"}},
		"a column that nobody wants":  {base, row(`,"device":"u","a":1`), result{column: "a", code: "unknown-field"}},
		"dropped":                     {with(func(f *mapping.Flags) { f.Rest = "drop" }), row(`,"device":"u","a":1`), result{event: made("")}},
		"rest in an object":           {with(func(f *mapping.Flags) { f.Rest = "properties.raw" }), row(`,"device":"u","a":1,"b":null`), result{event: made(`,"properties":{"raw":{"a":1}}`)}},
		"properties and rest":         {keep, row(`,"device":"u","properties":{"b":null},"a":1`), result{event: made(`,"properties":{"b":null,"a":1}`)}},
		"properties in a string":      {keep, row(`,"device":"u","properties":"{\"b\":2}"`), result{event: made(`,"properties":{"b":2}`)}},
		"properties twice":            {keep, row(`,"device":"u","properties":{"a":2},"a":1`), result{column: "a", code: "duplicate-key"}},
		"properties that are none":    {keep, row(`,"device":"u","properties":[1]`), result{column: "properties", code: "invalid-field"}},
		"a property of its own":       {with(func(f *mapping.Flags) { f.Map = append([]string{"properties.land=c"}, base.Map...) }), row(`,"device":"u","c":"UA"`), result{event: made(`,"properties":{"land":"UA"}`)}},
		"no UUID":                     {keep, strings.Replace(row(`,"device":"u"`), given, "7", 1), result{column: "i", code: "invalid-uuid"}},
		"no time":                     {keep, strings.Replace(row(`,"device":"u"`), "2025-08-01T", "2025-08-01", 1), result{column: "t", code: "invalid-timestamp"}},
		"a number for a time":         {keep, strings.Replace(row(`,"device":"u"`), `"2025-08-01T10:00:00Z"`, "1754042400", 1), result{column: "t", code: "invalid-timestamp"}},
		"a user that is a fraction":   {keep, row(`,"device":42.0`), result{column: "device", code: "ambiguous-user"}},
		"a user that is an object":    {keep, row(`,"device":{}`), result{column: "device", code: "ambiguous-user"}},
		"not an object":               {keep, `[1]`, result{code: "malformed-json"}},
		"not JSON":                    {keep, `{"a"`, result{code: "malformed-json"}},
		"no type":                     {keep, `{"i":"` + given + `","t":"2025-08-01T10:00:00Z","device":"u"}`, result{column: "e", code: "missing-field"}},
		"a type that is not the said": {with(func(f *mapping.Flags) { f.Rest, f.Types = "properties", []string{"a=number"} }), row(`,"device":"u","a":"1,5"`), result{column: "a", code: "invalid-field"}},
		"a type that is":              {with(func(f *mapping.Flags) { f.Rest, f.Types = "properties", []string{"a=number,b=text,c=bool"} }), row(`,"device":"u","a":"-1.50","b":7,"c":"No"`), result{event: made(`,"properties":{"a":-1.50,"b":"7","c":false}`)}},
		"the type of all":             {mapping.Flags{Map: []string{"event_id=i,occurred_at=t,user_id=device"}, EventType: "x", Rest: "drop"}, row(`,"device":"u"`), result{event: made("")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, []result{c.want}, convert(t, c.flags, 0, write(t, "a.ndjson", c.row+"\n")))
		})
	}
}

// TestUserNumbers: a number that a spreadsheet has changed is never another user.
func TestUserNumbers(t *testing.T) {
	t.Parallel()
	type number struct {
		At   int64   `parquet:"t"`
		User float64 `parquet:"user"`
	}
	for _, c := range []struct{ cell, refuse, whole, text string }{
		{"42", "42", "42", "42"},
		{"007", "007", "007", "007"},
		{"-1", "-1", "-1", "-1"},
		{"42.0", "", "42", "42.0"},
		{"42,0", "", "42", "42,0"},
		{"42.", "", "42", "42."},
		{"42.00", "", "42", "42.00"},
		{"42.5", "", "", "42.5"},
		{"12,000", "", "", "12,000"},
		{"1.000", "", "", "1.000"},
		{"1234.000", "", "", "1234.000"},
		{"-1.000.000", "", "", "-1.000.000"},
		{"12 345 678", "", "", "12 345 678"},
		{"1,234,567", "", "", "1,234,567"},
		{"1,23,456", "1,23,456", "1,23,456", "1,23,456"},
		{"-0", "-0", "-0", "-0"},
		{"1.23E+11", "", "", "1.23E+11"},
		{"1,23E+11", "", "", "1,23E+11"},
		{"1e5", "", "", "1e5"},
		{"42.0.1", "42.0.1", "42.0.1", "42.0.1"},
		{"1e5a", "1e5a", "1e5a", "1e5a"},
	} {
		for mode, want := range map[mapping.Numbers]string{mapping.RefuseNumbers: c.refuse, mapping.WholeNumbers: c.whole, mapping.NumbersAsText: c.text} {
			f := mapping.Flags{IDFrom: "content", EventType: "x", Map: []string{"occurred_at=t,user_id=user"}, Numbers: mode}
			got := convert(t, f, 0, write(t, "a.csv", "t,user\n2025-08-01T10:00:00Z,\""+c.cell+"\"\n"))
			checkUser(t, want, got[0], c.cell)
			// A string says what it means.
			got = convert(t, f, 0, write(t, "a.ndjson", `{"t":"2025-08-01T10:00:00Z","user":"`+c.cell+`"}`+"\n"))
			checkUser(t, c.text, got[0], c.cell)
			native := mapping.Native{Numbers: mode}
			path := write(t, "b.csv", "event_id,occurred_at,user_id,event_type\ni,t,\""+c.cell+"\",x\n")
			s, err := source.Open([]string{path}, source.Options{Check: native.Check})
			require.NoError(t, err)
			r, err := s.Next()
			require.NoError(t, err)
			native.Convert(&r)
			require.Equal(t, want == "", r.Fault != nil, c.cell)
		}
	}
	for number, want := range map[string]string{"12.000": "12", "-0": "0", "-0.0": "0", "7": "7"} {
		f := mapping.Flags{IDFrom: "content", EventType: "x", Map: []string{"occurred_at=t,user_id=user"}, Numbers: mapping.WholeNumbers}
		checkUser(t, want, convert(t, f, 0, write(t, "a.ndjson", `{"t":"2025-08-01T10:00:00Z","user":`+number+"}\n"))[0], number)
	}
	for value, want := range map[float64]string{42: "42", 123456789012: "123456789012", 42.5: "", 1 << 60: ""} {
		var b bytes.Buffer
		w := parquet.NewGenericWriter[number](&b)
		_, err := w.Write([]number{{1754042400, value}})
		require.NoError(t, err)
		require.NoError(t, w.Close())
		f := mapping.Flags{IDFrom: "content", EventType: "x", Map: []string{"occurred_at=t,user_id=user"}, Numbers: mapping.RefuseNumbers, TimeFormat: "s"}
		got := convert(t, f, 0, write(t, "a.parquet", b.String()))
		checkUser(t, want, got[0], strconv.FormatFloat(value, 'g', -1, 64))
	}
}

func checkUser(t *testing.T, want string, got result, cell string) {
	t.Helper()
	if want == "" {
		require.Equal(t, result{column: "user", code: "ambiguous-user"}, got, cell)
		return
	}
	require.Contains(t, got.event, `"user_id":"`+want+`"`, cell)
}

// TestIDs: the same file again has the same ids, and different rows have different ones.
func TestIDs(t *testing.T) {
	t.Parallel()
	const file = "t,user,a\n2025-08-01T10:00:00Z,u,1\n2025-08-01T10:00:00Z,u,1\n2025-08-01T10:00:00Z,u,2\n"
	ids := func(from, file string) (all []string) {
		f := mapping.Flags{IDFrom: from, EventType: "x", Map: []string{"occurred_at=t,user_id=user"}, Rest: "properties"}
		for _, r := range convert(t, f, 0, write(t, "a.csv", file)) {
			all = append(all, id(t, r))
		}
		return all
	}
	content := ids("content", file)
	require.Len(t, unique(content), 3, "equal rows are several events")
	require.Equal(t, content, ids("content", file))
	require.Equal(t, content, ids("content", strings.ReplaceAll(file, ",", ";")), "the form does not matter")
	require.Equal(t, content[1:], ids("content", "a,user,t\n1,u,2025-08-01T10:00:00Z\n1,u,2025-08-01T10:00:00Z\n2,u,2025-08-01T10:00:00Z\n")[1:], "nor the order of columns")

	f := mapping.Flags{IDFrom: "content", EventType: "x", Map: []string{"occurred_at=t,user_id=user"}, Rest: "properties"}
	for skip := range content {
		for i, r := range convert(t, f, int64(skip), write(t, "a.csv", file)) {
			require.Equal(t, content[skip+i], id(t, r), "a resumed import counts the rows before")
		}
	}

	var together []string
	for _, r := range convert(t, f, 0, write(t, "a.csv", file), write(t, "b.csv", file)) {
		together = append(together, id(t, r))
	}
	require.Equal(t, append(content, content...), together, "files that overlap count once, together as well")
	require.Equal(t, together[4], id(t, convert(t, f, 4, write(t, "a.csv", file), write(t, "b.csv", file))[0]), "also resumed")

	row := ids("row", file)
	require.Len(t, unique(row), 3)
	require.Equal(t, row, ids("row", file))
	require.Len(t, unique(append(row, ids("row", file+"\n")...)), 6, "every byte of the file matters")

	columns := ids("user,a", file)
	require.Len(t, unique(columns), 2)
	require.Equal(t, columns, ids("user,a", file))
	require.NotEqual(t, columns, ids("a,user", file))
	require.Equal(t, "a1b01d6d-70d3-56b2-850d-a564cc250f89", columns[0], "ids are permanent")

	f = mapping.Flags{IDFrom: "a", EventType: "x", Map: []string{"occurred_at=t,user_id=user"}, Rest: "properties"}
	require.Equal(t, []result{{column: "a", code: "missing-field"}}, convert(t, f, 0, write(t, "a.csv", "t,user,a\n2025-08-01T10:00:00Z,u,\n")))
}

func unique(all []string) map[string]bool {
	set := map[string]bool{}
	for _, s := range all {
		set[s] = true
	}
	return set
}

// TestCheck: a table is refused before anything of it is sent.
func TestCheck(t *testing.T) {
	t.Parallel()
	type unitless struct {
		When int64  `parquet:"t"`
		User string `parquet:"user"`
	}
	var b bytes.Buffer
	require.NoError(t, parquet.Write(&b, []unitless{{1, "u"}}))
	base := mapping.Flags{IDFrom: "content", EventType: "x", Map: []string{"occurred_at=t,user_id=user"}}
	for name, c := range map[string]struct {
		flags         mapping.Flags
		file, content string
		wants         []string
	}{
		"no column for a user":    {base, "a.csv", "t,u\n", []string{`"user"`, "user_id", "columns: t, u"}},
		"a column without use":    {base, "a.csv", "t,user,a\n", []string{`"a"`, "--rest properties"}},
		"no column for an id":     {mapping.Flags{IDFrom: "a", EventType: "x", Map: base.Map}, "a.csv", "t,user\n", []string{`"a"`, "--id-from"}},
		"no column for a type":    {mapping.Flags{IDFrom: "content", EventType: "x", Map: base.Map, Types: []string{"b=bool"}}, "a.csv", "t,user\n", []string{`"b"`, "--type"}},
		"no column of properties": {mapping.Flags{IDFrom: "content", EventType: "x", Map: []string{"occurred_at=t,user_id=user,properties=p"}}, "a.csv", "t,user\n", []string{`"p"`, "properties"}},
		"numbers without a unit":  {base, "a.parquet", b.String(), []string{`"t"`, "INT(64,true)", "--time-format"}},
	} {
		m, err := c.flags.Mapping()
		require.NoError(t, err)
		_, err = source.Open([]string{write(t, c.file, c.content)}, source.Options{Check: m.Check})
		require.ErrorIs(t, err, source.ErrFormat, name)
		for _, want := range c.wants {
			require.ErrorContains(t, err, want, name)
		}
	}
}

func TestFlagsAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		flags mapping.Flags
		want  []string
	}{
		{mapping.Flags{Map: []string{"user=a"}}, []string{"--map", `"user"`, "user_id"}},
		{mapping.Flags{Map: []string{"user_id"}}, []string{"--map", `"user_id"`, "field=column"}},
		{mapping.Flags{Map: []string{"user_id=a|"}}, []string{"--map", `"user_id=a|"`}},
		{mapping.Flags{Map: []string{"user_id=a,user_id=b"}}, []string{"--map", "twice"}},
		{mapping.Flags{Map: []string{"properties.=b"}}, []string{"--map", `"properties."`}},
		{mapping.Flags{Map: []string{"event_id=a"}, IDFrom: "row"}, []string{"--id-from"}},
		{mapping.Flags{Map: []string{"event_type=a"}, EventType: "x"}, []string{"--event-type"}},
		{mapping.Flags{IDFrom: "a,,b"}, []string{"--id-from", "a,,b"}},
		{mapping.Flags{IDFrom: "a,a"}, []string{"--id-from"}},
		{mapping.Flags{Rest: "all"}, []string{"--rest", `"all"`}},
		{mapping.Flags{Rest: "properties."}, []string{"--rest"}},
		{mapping.Flags{Types: []string{"a=int"}}, []string{"--type", `"a=int"`}},
		{mapping.Flags{Types: []string{"a=text,a=bool"}}, []string{"--type", `"a"`}},
		{mapping.Flags{Zone: "Mars/Olympus"}, []string{"--zone", "Mars/Olympus"}},
		{mapping.Flags{Zone: "Europe/Kyiv", TimeFormat: "ms"}, []string{"--zone"}},
		{mapping.Flags{TimeFormat: "seconds"}, []string{"--time-format", "seconds"}},
		{mapping.Flags{TimeFormat: "%Y-%m"}, []string{"--time-format", "%Y-%m"}},
		{mapping.Flags{TimeFormat: "%Y-%m-%d %Q"}, []string{"--time-format", "%Q"}},
		{mapping.Flags{TimeFormat: "%"}, []string{"--time-format"}},
		{mapping.Flags{Rest: "all", Zone: "Mars", TimeFormat: "%"}, []string{"--rest", "--zone", "--time-format"}},
	} {
		_, err := c.flags.Mapping()
		for _, want := range c.want {
			require.ErrorContains(t, err, want, "%+v", c.flags)
		}
	}
}
