package stats

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/calendar"
	"eventanalytics/services/stats/question"
)

// standard is what encoding/json writes without regard to HTML.
func standard(t *testing.T, v any) string {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	require.NoError(t, e.Encode(v))
	return b.String()
}

// TestJSONIsStandard: what is written by hand is what encoding/json would write.
func TestJSONIsStandard(t *testing.T) {
	t.Parallel()
	g := rand.New(rand.NewPCG(1, 1))
	numbers := []float64{0, math.Copysign(0, -1), 1, 0.5, 1.0 / 3, 1e-6, 9.99e-7, 1e-7, 1e-10, -1e-9, 1e20, 1e21, -1e22, 1e100, math.MaxFloat64, math.SmallestNonzeroFloat64}
	for range 1000 {
		numbers = append(numbers, math.Float64frombits(g.Uint64()>>1), g.Float64()*math.Pow10(g.IntN(60)-30))
	}
	for _, x := range numbers {
		if !math.IsInf(x, 0) && !math.IsNaN(x) {
			require.Equal(t, standard(t, x), string(appendNumber(nil, x))+"\n")
		}
	}
	texts := []string{"", "a", "é😀", "<&>", `"`, `\`, "\x00", "\b\f\n\r\t", "\x1f \x7f", "\u2027\u2028\u2029\u202a", "\ufffd", "\xff", "a\xef", "\xed\xa0\x80"}
	for range 1000 {
		b := make([]byte, g.IntN(6))
		for i := range b {
			b[i] = byte(g.Uint32())
		}
		texts = append(texts, string(b))
	}
	for _, s := range texts {
		var b bytes.Buffer
		require.NoError(t, writeText(&b, s))
		require.Equal(t, standard(t, s), b.String()+"\n")
	}
}

func TestRows(t *testing.T) {
	t.Parallel()
	rows := question.NewTable(t.Context(), []question.Column{
		{Name: "text"}, {Name: "integer", Kind: question.Integer}, {Name: "number", Kind: question.Number}, {Name: "bool", Kind: question.Bool}, {Name: "json", Kind: question.JSON},
	}, 0)
	type row struct {
		Text    string          `json:"text"`
		Integer int64           `json:"integer"`
		Number  float64         `json:"number"`
		Bool    bool            `json:"bool"`
		JSON    json.RawMessage `json:"json"`
	}
	type body struct {
		Data            []row   `json:"data"`
		Meta            any     `json:"meta"`
		Query           any     `json:"query"`
		ResponseTimeSec float64 `json:"response_time_sec"`
	}
	utc, err := calendar.Load("UTC")
	require.NoError(t, err)
	a := answer{rows: rows, query: question.TopEvents{Limit: 1, Scope: question.Scope{Timezone: utc}}, meta: Meta{Source: "raw"}, seconds: 1e-7}
	same := func(data []row, lines string) {
		t.Helper()
		var written bytes.Buffer
		require.NoError(t, encodeJSON(&written, a))
		require.Equal(t, standard(t, body{data, a.meta, a.query, a.seconds}), written.String())
		written.Reset()
		require.NoError(t, encodeNDJSON(&written, a))
		require.Equal(t, lines, written.String())
	}
	same([]row{}, "")
	require.NoError(t, rows.Add(question.TextOf("<\"é"), question.IntegerOf(-1), question.NumberOf(0.1), question.BoolOf(true), question.JSONOf(`{ "a": [1.50, "<"] }`)))
	require.NoError(t, rows.Add(question.TextOf(""), question.IntegerOf(1<<62), question.NumberOf(1e21), question.BoolOf(false), question.JSONOf("")))
	first, second := row{"<\"é", -1, 0.1, true, json.RawMessage(`{"a":[1.50,"<"]}`)}, row{"", 1 << 62, 1e21, false, json.RawMessage("null")}
	same([]row{first, second}, standard(t, first)+standard(t, second))
	require.NoError(t, rows.Add(question.TextOf(""), question.IntegerOf(0), question.NumberOf(0), question.BoolOf(false), question.JSONOf("{")))
	require.ErrorContains(t, encodeJSON(io.Discard, a), "writing JSON")
}

func TestNegotiate(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string]string{
		"":                          "json",
		"*":                         "json",
		"text/*;q=0.1":              "csv",
		"application/*;q=0.1, */*":  "json",
		"image/png":                 "json",
		"text/csv/x, text, /":       "json",
		"TEXT/CSV":                  "json",
		"text/csv;q=0.2, */*;q=0.9": "json",
		"*/*;q=0.9, text/csv;q=0.2": "csv", // as ever: a wildcard gives way to what comes after it
		"text/csv;q=0.5, */*;q=x":   "csv",
		"text/csv;q=0.5, application/json; charset=utf-8; q=0.4":    "csv",
		"application/x-ndjson;q=0.9,application/vnd.apache.parquet": "parquet",
		"text/html, text/csv;q=0":                                   "csv", // as ever, though RFC 9110 means no
	} {
		require.Equal(t, want, negotiate(accept, "json", "csv", "ndjson", "parquet"), accept)
	}
}

// TestRoutes: every question can be asked both ways, but for those about an id.
func TestRoutes(t *testing.T) {
	t.Parallel()
	routes := Routes()
	require.Len(t, routes, 2*len(question.All())-3)
	require.Contains(t, routes, Route{"GET", "/api/stats/dau", "Daily active users"})
	require.Contains(t, routes, Route{"POST", "/api/stats/dau", "Daily active users"})
	require.Contains(t, routes, Route{"GET", "/api/stats/events/{event_id}", "One event"})
	require.NotContains(t, routes, Route{"POST", "/api/stats/events/{event_id}", "One event"})
}
