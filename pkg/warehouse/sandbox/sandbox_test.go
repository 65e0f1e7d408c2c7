package sandbox

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// collected is an answer.
type collected struct {
	columns []Column
	rows    [][]Value
}

func (c *collected) Columns(columns []Column) error { c.columns = columns; return nil }

func (c *collected) Row(row []Value) error {
	c.rows = append(c.rows, append([]Value(nil), row...))
	return nil
}

func runner() *Runner {
	return New(Config{Memory: 256 << 20, Timeout: 20 * time.Second, Places: 4}, 2)
}

func nothing(context.Context, Needs, Tables) error { return nil }

func ask(t *testing.T, sql string, params ...string) (*collected, error) {
	t.Helper()
	s := Statement{Project: 1, SQL: sql, Zone: "Europe/Kyiv", Rows: 1000}
	for _, p := range params {
		s.Params = append(s.Params, json.RawMessage(p))
	}
	var c collected
	err := runner().Run(t.Context(), s, nothing, &c)
	return &c, err
}

// TestValues: what types become, exactly.
func TestValues(t *testing.T) {
	t.Parallel()
	type cell struct {
		sql   string
		typ   string
		kind  Kind
		value Value
	}
	var selected []string
	cells := []cell{
		{"true", "BOOLEAN", Bool, true},
		{"NULL", "INTEGER", Integer, nil},
		{"(-128)::TINYINT", "TINYINT", Integer, int64(-128)},
		{"4294967295::UINTEGER", "UINTEGER", Integer, int64(4294967295)},
		{"9223372036854775807", "BIGINT", Integer, int64(9223372036854775807)},
		{"18446744073709551615::UBIGINT", "UBIGINT", JSON, "18446744073709551615"},
		{"-170141183460469231731687303715884105727::HUGEINT", "HUGEINT", JSON, "-170141183460469231731687303715884105727"},
		{"sum(3) OVER ()", "HUGEINT", JSON, "3"},
		{"12.340", "DECIMAL(5,3)", JSON, "12.340"},
		{"0.1::FLOAT", "FLOAT", Number, 0.1},
		{"1e300::DOUBLE", "DOUBLE", Number, 1e300},
		{"'NaN'::DOUBLE", "DOUBLE", Number, nil},
		{"'-Infinity'::FLOAT", "FLOAT", Number, nil},
		{"'a\u2028\"<\\ü'", "VARCHAR", Text, "a\u2028\"<\\ü"},
		{"''", "VARCHAR", Text, ""},
		{"'\\x00\\xff'::BLOB", "BLOB", Text, "AP8="},
		{"'101'::BIT", "BIT", Text, "101"},
		{"'0e984725-c51c-4bf4-9960-e1c80e27aba0'::UUID", "UUID", Text, "0e984725-c51c-4bf4-9960-e1c80e27aba0"},
		{"'2025-08-01'::DATE", "DATE", Text, "2025-08-01"},
		{"'13:01:02.5'::TIME", "TIME", Text, "13:01:02.5"},
		{"'2025-08-01 13:01:02.000001'::TIMESTAMP", "TIMESTAMP", Text, "2025-08-01T13:01:02.000001"},
		{"'2025-08-01 13:01:02'::TIMESTAMPTZ", "TIMESTAMPTZ", Text, "2025-08-01T10:01:02Z"}, // of clocks in Kyiv
		{"'2025-08-01 13:01:02.5Z'::TIMESTAMPTZ", "TIMESTAMPTZ", Text, "2025-08-01T13:01:02.5Z"},
		{"'infinity'::TIMESTAMPTZ", "TIMESTAMPTZ", Text, nil},
		{"'-infinity'::TIMESTAMP", "TIMESTAMP", Text, nil},
		{"INTERVAL 90 minutes", "INTERVAL", Text, "01:30:00"},
		{"[1, NULL, 3]", "INTEGER[]", JSON, "[1,null,3]"},
		{"{'a': 1.50, 'b': ['x']}", "STRUCT(\"a\" DECIMAL(3,2), \"b\" VARCHAR[])", JSON, `{"a":1.5,"b":["x"]}`},
		{"MAP {'k': 1}", "MAP(VARCHAR, INTEGER)", JSON, `{"k":1}`},
		{"'{\"b\": 1,  \"a\": 0.10000000000000000000001}'::JSON", "JSON", JSON, `{"b": 1,  "a": 0.10000000000000000000001}`},
		{"'null'::JSON", "JSON", JSON, "null"},
		{"NULL::JSON", "JSON", JSON, nil},
		{"current_date IS NULL", "BOOLEAN", Bool, false},
	}
	for i, c := range cells {
		selected = append(selected, c.sql+" AS c"+string(rune('A'+i/10))+string(rune('0'+i%10)))
	}
	got, err := ask(t, "SELECT "+strings.Join(selected, ",\n"))
	require.NoError(t, err)
	require.Len(t, got.rows, 1)
	for i, c := range cells {
		require.Equal(t, Column{got.columns[i].Name, c.typ, c.kind}, got.columns[i], c.sql)
		require.Equal(t, c.value, got.rows[0][i], c.sql)
	}
}

// TestParams: values are bound, not pasted.
func TestParams(t *testing.T) {
	t.Parallel()
	got, err := ask(t, "SELECT $2 AS a, $1 AS b, $3 AS c, $4 AS d, $5 AS e, $1 || 'x' AS f", `"'; DROP VIEW events; --"`, "-7", "1.5", "true", "null")
	require.NoError(t, err)
	require.Equal(t, [][]Value{{int64(-7), "'; DROP VIEW events; --", 1.5, true, nil, "'; DROP VIEW events; --x"}}, got.rows)
	for sql, params := range map[string][]string{
		"SELECT ? AS a":          nil,
		"SELECT 1 AS a":          {"1"},
		"SELECT ? AS a, ? AS b":  {"1"},
		"SELECT ? AS c":          {"[1]"},
		"SELECT ? AS d":          {`{"a": 1}`},
		"SELECT ? AS e":          {"1e999"},
		"SELECT $1 AS f, $1 + 1": {"1", "2"},
	} {
		_, err := ask(t, sql, params...)
		var failed *StatementError
		require.ErrorAs(t, err, &failed, sql)
		require.Equal(t, Params, failed.Reason, sql)
	}
}

// doubled is a statement whose answer has a type with a long name in a type in a type, so many
// times.
func doubled(times int) string {
	with := []string{fmt.Sprintf("t0 AS (SELECT {'%s': 1} AS s)", strings.Repeat("x", 8000))}
	for i := range times {
		with = append(with, fmt.Sprintf("t%d AS (SELECT {'a': s, 'b': s} AS s FROM t%d)", i+1, i))
	}
	return fmt.Sprintf("WITH %s SELECT s FROM t%d", strings.Join(with, ", "), times)
}

// TestFailures: what is wrong is said with its place, and without ours.
func TestFailures(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]StatementError{
		"SELECT a FROM events":                      {Invalid, "Referenced column \"a\" not found", 7},
		"SELECT 1 AS a,\n  lower(1, 2) FROM events": {Invalid, "No function matches", 17},
		"SELEC 1":                                   {Invalid, "syntax error at or near \"SELEC\"", 0},
		"SELECT 'x'::INTEGER":                       {Invalid, "Could not convert string 'x' to INT32", -1},
		"SELECT * FROM read_text('/etc/passwd')":    {Refused, "reading from the function read_text is not allowed", 14},
		"SELECT 1 AS a; SELECT 2 AS b":              {Refused, "2 statements", -1},
		"SELECT 1 AS a; -- and that is it":          {Invalid, "syntax error", -1},
		"SELECT 1) AS b, (SELECT 2":                 {Invalid, "syntax error", -1},
		"DROP VIEW events":                          {Refused, "anything but one SELECT", -1},
		"FROM range(1001)":                          {Rows, "more than 1000 rows", -1},
		"SELECT repeat('x', 2000000) AS x":          {Cell, "2000000 bytes", -1},
		"SELECT " + strings.Repeat("1,", 200) + "1": {Refused, "201 columns", -1},
		"SELECT 1 AS a, repeat('x', 9000000) AS x":  {Cell, "9000000 bytes", -1},
		"SELECT repeat('x', 200000000) AS x":        {Memory, "", -1},
		"SELECT [1, 'NaN'::DOUBLE] AS x":            {Invalid, "column x is no JSON", -1},
		"SELECT {'a': 'inf'::DOUBLE} AS x":          {Invalid, "column x is no JSON", -1},
		doubled(4):                                  {Refused, "names and types", -1},
	} {
		_, err := ask(t, sql)
		var failed *StatementError
		require.ErrorAs(t, err, &failed, sql)
		require.Equal(t, want.Reason, failed.Reason, "%s: %v", sql, err)
		require.Contains(t, failed.Message, want.Message, sql)
		if want.At >= 0 {
			require.Equal(t, want.At, failed.At, "%s: %v", sql, err)
		}
		require.NotContains(t, failed.Message, "answer(", sql)
	}
}

// TestLongRows: what is in a row counts, not how JSON writes it.
func TestLongRows(t *testing.T) {
	t.Parallel()
	got, err := ask(t, "SELECT repeat('<', 1000000) AS a, repeat('&', 1000000) AS b")
	require.NoError(t, err)
	require.Equal(t, [][]Value{{strings.Repeat("<", 1_000_000), strings.Repeat("&", 1_000_000)}}, got.rows)
}

// TestUnknownZone: DuckDB may lack a zone that the service knows.
func TestUnknownZone(t *testing.T) {
	t.Parallel()
	err := runner().Run(t.Context(), Statement{Project: 1, SQL: "SELECT 1 AS x", Zone: "Mars/Olympus", Rows: 1}, nothing, &collected{})
	var failed *StatementError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, Zone, failed.Reason)
}

// TestTooManyMembers: whoever sends more than the process can hold is told why it ended.
func TestTooManyMembers(t *testing.T) {
	t.Parallel()
	r := New(Config{Memory: minMemory, Timeout: 20 * time.Second, Places: 1}, 1)
	s := Statement{Project: 1, SQL: "SELECT count(*) AS n FROM cohort('many')", Zone: "UTC", Rows: 1}
	sent := 0
	err := r.Run(t.Context(), s, func(_ context.Context, _ Needs, to Tables) error {
		for ; sent < 1_000_000; sent++ {
			if err := to.Member("many", fmt.Sprint(sent, strings.Repeat("x", 1000))); err != nil {
				return fmt.Errorf("sending: %w", err)
			}
		}
		return nil
	}, &collected{})
	var failed *StatementError
	require.ErrorAs(t, err, &failed)
	require.Contains(t, []Reason{Memory, Engine}, failed.Reason)
	require.Less(t, sent, 1_000_000, "it ended before")
}

// TestBounded: what a process says is read within bounds, whatever has become of it.
func TestBounded(t *testing.T) {
	t.Parallel()
	columns := func(all ...Column) string {
		line, err := json.Marshal(reply{Columns: all})
		require.NoError(t, err)
		return string(line) + "\n"
	}
	one := columns(Column{"a", "BIGINT", Integer})
	many := make([]Column, MaxColumns+1)
	for i := range many {
		many[i] = Column{fmt.Sprint(i), "BIGINT", Integer}
	}
	for said, want := range map[string]string{
		one + "[1]\n[2]\n{\"Done\":true}\n":              "",
		one + "[1]\n[2]\n[3]\n":                          "more than 2 rows",
		one + "[" + strings.Repeat(" ", maxRow) + "1]\n": "more than 8 MiB",
		one + "[1]\n":              errEnded.Error(),
		one + "[1,2]\n":            errEnded.Error(),
		one + "[1.5]\n":            errEnded.Error(),
		one + "{\"Columns\":[]}\n": errEnded.Error(),
		one + "\n":                 errEnded.Error(),
		"{\"Done\":true}\n":        "0 columns",
		columns(many...):           "201 columns",
		columns(Column{"a", strings.Repeat("x", maxHeader), JSON}): "names and types",
		columns(Column{"a", "BIGINT", ""}):                         "no form",
	} {
		c := conversation{bufio.NewReader(strings.NewReader("{\"Needs\":{}}\n" + said)), io.Discard, json.NewEncoder(io.Discard)}
		var got collected
		err := c.hold(t.Context(), job{Limits: limits{Rows: 2}}, nothing, &got)
		if want == "" {
			require.NoError(t, err)
			require.Equal(t, [][]Value{{int64(1)}, {int64(2)}}, got.rows)
			continue
		}
		require.ErrorContains(t, err, want, "%.200s", said)
	}
}

// TestOrder: rows come in the order that the statement gives them, and each column under a name
// of its own.
func TestOrder(t *testing.T) {
	t.Parallel()
	got, err := ask(t, "SELECT range AS a, -range AS a, 1 FROM range(300000) ORDER BY hash(range) LIMIT 900")
	require.NoError(t, err)
	require.Equal(t, []string{"a", "a_1", "1"}, []string{got.columns[0].Name, got.columns[1].Name, got.columns[2].Name})
	again, err := ask(t, "SELECT string_agg(range, ',' ORDER BY hash(range)) AS x FROM range(300000) WHERE range IN (SELECT range FROM range(300000) ORDER BY hash(range) LIMIT 900)")
	require.NoError(t, err)
	var order []string
	for _, row := range got.rows {
		order = append(order, strconv.FormatInt(row[0].(int64), 10))
	}
	require.Equal(t, again.rows[0][0], strings.Join(order, ","))
}

// TestTables: persons and cohorts are what they are said to be.
func TestTables(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := Statement{
		Project: 1, Zone: "UTC", Rows: 100, Files: []string{w.own}, Moved: true,
		SQL: "SELECT user_id, person_id, count(*) AS n FROM events WHERE person_id IN (FROM cohort('paying')) GROUP BY ALL",
	}
	var c collected
	err := runner().Run(t.Context(), s, func(_ context.Context, needs Needs, to Tables) error {
		require.Equal(t, Needs{true, []string{"paying"}}, needs)
		require.NoError(t, to.Person(0, "root"))
		require.NoError(t, to.Person(1, "another"))
		require.NoError(t, to.Member("paying", "root"))
		return to.Member("paying", "nobody")
	}, &c)
	require.NoError(t, err)
	require.Equal(t, [][]Value{{ownMark, "root", int64(50)}}, c.rows)
	// From and To bound the events.
	c, s.SQL = collected{}, "SELECT count(*) AS n, min(occurred_at) AS first, max(occurred_at) AS last FROM events"
	s.From, s.To = time.Date(2025, 8, 2, 0, 0, 0, 0, time.UTC), time.Date(2025, 8, 3, 0, 0, 0, 0, time.UTC)
	require.NoError(t, runner().Run(t.Context(), s, nothing, &c))
	require.Equal(t, [][]Value{{int64(17), "2025-08-02T01:00:00Z", "2025-08-02T22:00:00Z"}}, c.rows)
}

// BenchmarkStatement is what a statement costs that does next to nothing.
func BenchmarkStatement(b *testing.B) {
	w, r := newWorld(b), runner()
	for _, sql := range []string{"SELECT 1 AS x", "SELECT count(*) AS n FROM events"} {
		b.Run(sql, func(b *testing.B) {
			for b.Loop() {
				_, err := w.ask(b, r, sql)
				require.NoError(b, err)
			}
		})
	}
}
