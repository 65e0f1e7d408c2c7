package stats

import (
	"bytes"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"eventanalytics/services/stats/question"
)

// TestNulls: texts and numbers may be null in every format, and a column may have the
// name of any property.
func TestNulls(t *testing.T) {
	t.Parallel()
	const name = "properties.a\"b,\u2028\tc"
	rows := question.NewTable(t.Context(), []question.Column{
		{Name: "bucket"}, {Name: name, Nullable: true}, {Name: "value", Kind: question.Number, Nullable: true}, {Name: "=end", Kind: question.Integer},
	}, 0)
	require.NoError(t, rows.Add(question.TextOf("b"), question.TextOf("UA"), question.NumberOf(0), question.IntegerOf(1)))
	require.NoError(t, rows.Add(question.TextOf("a"), question.NullText, question.NullNumber, question.IntegerOf(2)))
	require.NoError(t, rows.Add(question.TextOf("a"), question.TextOf(""), question.NumberOf(-1.5), question.IntegerOf(3)))
	written := func(name string) []byte {
		var b bytes.Buffer
		require.NoError(t, formats[name].encode(&b, answer{rows: rows}))
		return b.Bytes()
	}
	const quoted = `"properties.a\"b,\u2028\tc"`
	require.Equal(t, `{"bucket":"b",`+quoted+`:"UA","value":0,"=end":1}`+"\n"+
		`{"bucket":"a",`+quoted+`:null,"value":null,"=end":2}`+"\n"+
		`{"bucket":"a",`+quoted+`:"","value":-1.5,"=end":3}`+"\n", string(written("ndjson")))
	require.Contains(t, string(written("json")), `{"bucket":"a",`+quoted+`:null,"value":null,"=end":2}`)
	require.Equal(t, "bucket,\"properties.a\"\"b,\u2028\tc\",value,'=end\nb,UA,0,1\na,,,2\na,,-1.5,3\n", string(written("csv")))

	file, err := parquet.OpenFile(bytes.NewReader(written("parquet")), int64(len(written("parquet"))))
	require.NoError(t, err)
	require.Equal(t, [][]string{{"bucket"}, {name}, {"value"}, {"=end"}}, file.Schema().Columns(), "in their order")
	var got [][]any
	reader := file.RowGroups()[0].Rows()
	defer reader.Close()
	read := make([]parquet.Row, 4)
	n, _ := reader.ReadRows(read)
	for _, row := range read[:n] {
		var values []any
		for _, v := range row {
			switch {
			case v.IsNull():
				values = append(values, nil)
			case v.Kind() == parquet.ByteArray:
				values = append(values, string(v.ByteArray()))
			case v.Kind() == parquet.Double:
				values = append(values, v.Double())
			default:
				values = append(values, v.Int64())
			}
		}
		got = append(got, values)
	}
	require.Equal(t, [][]any{{"b", "UA", 0.0, int64(1)}, {"a", nil, nil, int64(2)}, {"a", "", -1.5, int64(3)}}, got)

	schema := rowSchema(question.Row{Columns: rows.Columns})
	require.True(t, schema.Properties[name].Nullable)
	require.True(t, schema.Properties["value"].Nullable)
	require.False(t, schema.Properties["bucket"].Nullable)
}
