package question

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/services/stats/engine"
)

var allKinds = []Column{
	{Name: "text"}, {Name: "integer", Kind: Integer}, {Name: "number", Kind: Number}, {Name: "bool", Kind: Bool}, {Name: "json", Kind: JSON},
	{Name: "some text", Nullable: true}, {Name: "some number", Kind: Number, Nullable: true},
}

func TestTable(t *testing.T) {
	t.Parallel()
	rows := NewTable(t.Context(), allKinds, 0)
	require.Zero(t, rows.Len())
	require.Zero(t, rows.Bytes())
	require.NoError(t, rows.Add(TextOf("a"), IntegerOf(-1), NumberOf(0.5), BoolOf(true), JSONOf("{}"), TextOf(""), NullNumber))
	require.NoError(t, rows.Add(TextOf("é"), IntegerOf(1<<62), NumberOf(-2), BoolOf(false), JSONOf(""), NullText, NumberOf(0)))
	require.Equal(t, 2, rows.Len())
	require.Equal(t, []any{"a", int64(-1), 0.5, true, "{}"}, []any{rows.Text(0, 0), rows.Integer(1, 0), rows.Number(2, 0), rows.Bool(3, 0), rows.Text(4, 0)})
	require.Equal(t, []any{"é", int64(1 << 62), -2.0, false, ""}, []any{rows.Text(0, 1), rows.Integer(1, 1), rows.Number(2, 1), rows.Bool(3, 1), rows.Text(4, 1)})
	for i, nulls := range [][]bool{{}, {}, {}, {}, {false, true}, {false, true}, {true, false}} {
		for row := range 2 {
			require.Equal(t, len(nulls) > 0 && nulls[row], rows.Null(i, row), "%d %d", i, row)
		}
	}
	require.GreaterOrEqual(t, rows.Bytes(), int64(2*(16+8+8+1+16+17+9)+5))
	roomy := NewTable(t.Context(), allKinds, 10)
	require.EqualValues(t, 10*(16+8+8+1+16+17+9), roomy.Bytes())
	require.Panics(t, func() { _ = rows.Add(TextOf("a")) })
	require.Panics(t, func() {
		_ = rows.Add(IntegerOf(1), IntegerOf(1), NumberOf(1), BoolOf(true), JSONOf(""), NullText, NullNumber)
	})
	require.Panics(t, func() {
		_ = rows.Add(NullText, IntegerOf(1), NumberOf(1), BoolOf(true), JSONOf(""), NullText, NullNumber)
	})
}

// TestTableIsBounded: rows are refused while they are added, by number and by bytes.
func TestTableIsBounded(t *testing.T) {
	t.Parallel()
	short := NewTable(t.Context(), []Column{{Name: "n", Kind: Integer}}, 0)
	for i := range engine.MaxRows {
		require.NoError(t, short.Add(IntegerOf(int64(i))))
	}
	require.ErrorIs(t, short.Add(IntegerOf(0)), engine.ErrTooManyRows)
	require.Equal(t, engine.MaxRows, short.Len())

	long := NewTable(t.Context(), []Column{{Name: "s"}}, 0)
	text := strings.Repeat("x", 1<<20-widths[Text])
	for range engine.MaxBytes >> 20 {
		require.NoError(t, long.Add(TextOf(text)))
	}
	require.ErrorIs(t, long.Add(TextOf("")), engine.ErrTooLarge)
	require.Equal(t, 64, long.Len())
}
