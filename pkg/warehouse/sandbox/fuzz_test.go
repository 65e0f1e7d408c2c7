package sandbox

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	_ "github.com/duckdb/duckdb-go/v2"
	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/warehouse/statement"
)

// FuzzWall: whatever is let through has, wherever in its tree, no function, table or type that
// is not known. It looks at all of the tree, without knowing where the first wall does.
func FuzzWall(f *testing.F) {
	for _, a := range corpus(f, "MARK", mark, "DIR", "/w", "OTHER", "/w/2/x.parquet", "OWN", "/w/1/x.parquet") {
		f.Add(a.text)
	}
	for _, b := range bombs {
		f.Add(b)
	}
	q := query{ctx: context.WithoutCancel(f.Context()), conn: connect(f)}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > MaxSQL || strings.Count(text, "/*") > maxComments {
			return
		}
		serialized, err := q.parse(text)
		if err != nil {
			return
		}
		s, err := statement.Check(serialized)
		if err != nil {
			return
		}
		var tree any
		require.NoError(t, json.Unmarshal(serialized, &tree))
		whole(t, tree, namesOf(tree))
		require.LessOrEqual(t, s.Params, statement.MaxParams)
	})
}

// connect returns a connection to a DuckDB that parses.
func connect(t testing.TB) *sql.Conn {
	t.Helper()
	db, err := sql.Open("duckdb", "")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	conn, err := db.Conn(context.WithoutCancel(t.Context()))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return conn
}

// namesOf returns the names of all WITH.
func namesOf(node any) (names []string) {
	each(node, func(members map[string]any) {
		if members["query"] == nil {
			if name, ok := members["key"].(string); ok {
				names = append(names, strings.ToLower(name))
			}
		}
	})
	return names
}

func each(node any, look func(map[string]any)) {
	switch n := node.(type) {
	case map[string]any:
		look(n)
		for _, member := range n {
			each(member, look)
		}
	case []any:
		for _, item := range n {
			each(item, look)
		}
	}
}

func whole(t *testing.T, tree any, with []string) {
	each(tree, func(n map[string]any) {
		if name, ok := n["function_name"].(string); ok {
			require.True(t, statement.Known(name), name)
			require.Empty(t, n["catalog"])
			require.Contains(t, []any{"", "main"}, n["schema"])
		}
		if name, ok := n["table_name"].(string); ok {
			require.Empty(t, n["schema_name"])
			require.Empty(t, n["catalog_name"])
			require.True(t, strings.EqualFold(name, "events") || slices.Contains(with, strings.ToLower(name)), name)
			require.NotContains(t, name, ".")
		}
		for _, kind := range []any{n["type"], n["class"]} {
			require.NotContains(t, []any{"RECURSIVE_CTE_NODE", "SHOW_REF", "PIVOT", "COLUMN_DATA", "DELIM_GET", "BOUND_TABLE_REF", "DEFAULT", "ENUM_TYPE_INFO"}, kind)
		}
	})
}
