package statement

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// These tests make trees by hand, also such as no parser makes yet. What DuckDB's parser makes
// of texts is in package sandbox: testdata/attacks.txt, FuzzWall.

// tree is a node.
type tree map[string]any

// with returns the node with further members.
func (t tree) with(more tree) tree {
	all := maps.Clone(t)
	maps.Copy(all, more)
	return all
}

func serialized(t *testing.T, statements ...any) []byte {
	t.Helper()
	text, err := json.Marshal(tree{"error": false, "statements": statements})
	require.NoError(t, err)
	return text
}

// check looks at a query.
func check(t *testing.T, query tree) (*Statement, error) {
	t.Helper()
	return Check(serialized(t, tree{"node": query, "named_param_map": []any{}}))
}

// refused requires that a query is not let through, for a reason.
func refused(t *testing.T, query tree, why string) {
	t.Helper()
	_, err := check(t, query)
	var r *RefusedError
	require.ErrorAs(t, err, &r, "%.500v", query)
	require.False(t, r.Syntax)
	require.ErrorContains(t, err, why, "%.500v", query)
}

func passes(t *testing.T, query tree) *Statement {
	t.Helper()
	s, err := check(t, query)
	require.NoError(t, err, "%.500v", query)
	return s
}

// The nodes that tests are made of.
var one = tree{"class": "CONSTANT", "type": "VALUE_CONSTANT", "alias": "", "query_location": 7, "value": tree{"type": tree{"id": "INTEGER", "type_info": nil}, "is_null": false, "value": 1}}

func selecting(list ...any) tree {
	return tree{"type": "SELECT_NODE", "modifiers": []any{}, "cte_map": tree{"map": []any{}}, "select_list": list, "from_table": tree{"type": "EMPTY", "alias": ""}, "where_clause": nil}
}

func from(relation tree) tree { return selecting(one).with(tree{"from_table": relation}) }

func table(name string) tree { return tree{"type": "BASE_TABLE", "alias": "", "table_name": name} }

func call(name string, arguments ...any) tree {
	return tree{"class": "FUNCTION", "type": "FUNCTION", "function_name": name, "schema": "", "catalog": "", "children": arguments}
}

func quoted(s string) tree {
	return tree{"class": "CONSTANT", "type": "VALUE_CONSTANT", "alias": "", "value": tree{"type": tree{"id": "VARCHAR"}, "value": s}}
}

func reading(function tree) tree { return tree{"type": "TABLE_FUNCTION", "function": function} }

func inQuery(query tree) tree { return tree{"type": "SUBQUERY", "subquery": tree{"node": query}} }

// withTables has a query know some queries by names.
func withTables(query tree, names ...any) tree {
	var all []any
	for i := 0; i < len(names); i += 2 {
		all = append(all, tree{"key": names[i], "value": tree{"aliases": []any{}, "query": tree{"node": names[i+1]}}})
	}
	return query.with(tree{"cte_map": tree{"map": all}})
}

// TestMembers: a member that is not known is refused wherever it is, unless it is empty; so
// is a kind.
func TestMembers(t *testing.T) {
	t.Parallel()
	looked := 0
	look := func(within func(tree) tree, node tree) {
		passes(t, within(node))
		passes(t, within(node.with(tree{"of_a_later_duckdb": tree{"a": []any{}, "b": "", "c": false, "d": nil}})))
		for _, value := range []any{"x", true, 0, []any{nil}, tree{"a": "x"}} {
			refused(t, within(node.with(tree{"of_a_later_duckdb": value})), "of_a_later_duckdb")
		}
		looked++
	}
	for kind := range queries {
		look(func(n tree) tree { return n }, tree{"type": kind})
	}
	for kind := range relations {
		switch node := (tree{"type": kind}); kind {
		case "BASE_TABLE":
			look(from, table("events"))
		case "TABLE_FUNCTION":
			look(from, reading(call("range", one)))
			look(func(n tree) tree { return from(reading(n)) }, call("range", one))
		case "SUBQUERY":
			look(from, inQuery(selecting(one)))
		default:
			look(from, node)
		}
	}
	for class := range expressions {
		node := tree{"class": class}
		if class == "FUNCTION" || class == "WINDOW" {
			node["function_name"] = "lower"
		}
		look(func(n tree) tree { return selecting(n) }, node)
	}
	for kind := range modifierForms(nil, nil, nil) {
		look(func(n tree) tree { return selecting(one).with(tree{"modifiers": []any{n}}) }, tree{"type": kind})
	}
	require.Greater(t, looked, 25)
	for _, with := range []tree{{"more": "x"}, {"map": []any{tree{"key": "a", "value": tree{}, "more": "x"}}}, {"map": []any{tree{"key": "a", "value": tree{"more": "x"}}}}} {
		refused(t, selecting(one).with(tree{"cte_map": with}), "with more")
	}
	refused(t, tree{"type": "RECURSIVE_CTE_NODE"}, "RECURSIVE_CTE_NODE")
	refused(t, from(tree{"type": "PIVOT"}), "PIVOT")
	refused(t, selecting(tree{"class": "DEFAULT"}), "DEFAULT")
	refused(t, selecting(one).with(tree{"modifiers": []any{tree{"type": "NEW_MODIFIER"}}}), "NEW_MODIFIER")
	refused(t, selecting(one).with(tree{"select_list": one}), "no list")
}

// TestFunctions: those of the lists alone, by their own names.
func TestFunctions(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"lower", "LOWER", "count_star", "+"} {
		passes(t, selecting(call(name)))
	}
	passes(t, selecting(call("lower").with(tree{"schema": "main"})))
	for _, name := range []string{"read_text", "READ_TEXT", "getenv", "query", "", "lower ", "cohort", "json_each"} {
		refused(t, selecting(call(name)), "the function")
	}
	refused(t, selecting(call("lower", call("getenv"))), "getenv")
	refused(t, selecting(call("lower").with(tree{"schema": "pg_catalog"})), "the schema pg_catalog")
	refused(t, selecting(call("lower").with(tree{"catalog": "system"})), "catalog")
	refused(t, selecting(call("lower").with(tree{"class": "WINDOW", "function_name": "getenv"})), "getenv")
	passes(t, from(reading(call("RANGE", one))))
	for _, name := range []string{"read_text", "glob", "lower", "query_table"} {
		refused(t, from(reading(call(name, quoted("x")))), "reading from the function")
	}
	refused(t, from(reading(call("range", call("getenv")))), "getenv")
	refused(t, from(reading(one)), "reading from this")
	require.True(t, Known("Cohort") && Known("LOWER") && Known("json_each"))
	require.False(t, Known("read_text"))
}

// TestTables: events and what WITH made before, where it can be seen.
func TestTables(t *testing.T) {
	t.Parallel()
	require.True(t, passes(t, from(table("Events"))).Events)
	require.False(t, passes(t, selecting(one)).Events)
	for _, name := range []string{"a", "", "events ", "x.parquet", "/etc/passwd", "событие", strings.Repeat("a", 65)} {
		refused(t, from(table(name)), "there is no table")
	}
	refused(t, from(table("events").with(tree{"schema_name": "main"})), "main.events")
	refused(t, from(table("events").with(tree{"catalog_name": "memory"})), "memory.events")

	require.False(t, passes(t, withTables(from(table("events")), "EVENTS", selecting(one))).Events, "it hides the table")
	require.True(t, passes(t, withTables(from(table("events")), "events", from(table("events")))).Events, "itself it does not see")
	passes(t, withTables(from(table("B")), "a", selecting(one), "b", from(table("a"))))
	passes(t, withTables(from(inQuery(from(table("a")))), "a", selecting(one)))
	refused(t, withTables(from(table("a")), "a", from(table("b")), "b", selecting(one)), `no table "b"`)
	refused(t, withTables(from(table("a")), "a", from(table("a"))), `no table "a"`)
	refused(t, selecting(tree{"class": "SUBQUERY", "subquery": tree{"node": withTables(selecting(one), "a", selecting(one))}}).
		with(tree{"from_table": table("a")}), `no table "a"`)
	for _, name := range []string{"a.csv", "", "a b", "ä"} {
		refused(t, withTables(selecting(one), name, selecting(one)), "WITH a name")
	}
	refused(t, withTables(selecting(one), "a", selecting(call("getenv"))), "getenv")
}

// TestCohorts: their names are found, each once, and are nothing but texts.
func TestCohorts(t *testing.T) {
	t.Parallel()
	join := func(names ...string) tree {
		relation := tree{"type": "EMPTY"}
		for _, name := range names {
			relation = tree{"type": "JOIN", "left": relation, "right": reading(call("cohort", quoted(name)))}
		}
		return from(relation)
	}
	require.ElementsMatch(t, []string{"b", "a"}, passes(t, join("b", "a", "b")).Cohorts)
	names := strings.Fields("a b c d e f g h i j k")
	require.Len(t, passes(t, join(names[:10]...)).Cohorts, 10)
	refused(t, join(names...), "more than 10 cohorts")
	for _, arguments := range [][]any{nil, {one}, {quoted("a"), quoted("b")}, {call("lower", quoted("a"))}, {quoted("a").with(tree{"alias": "name"})}} {
		refused(t, from(reading(call("cohort", arguments...))), "cohort of anything but")
	}
}

// TestTypes: those of the list, also inside of others.
func TestTypes(t *testing.T) {
	t.Parallel()
	cast := func(typ tree) tree { return selecting(tree{"class": "CAST", "child": one, "cast_type": typ}) }
	asJSON := tree{"id": "UNBOUND", "type_info": tree{"name": "JSON", "catalog": "", "schema": ""}}
	list := func(of tree) tree { return tree{"id": "LIST", "type_info": tree{"child_type": of}} }
	passes(t, cast(tree{"id": "BIGINT", "type_info": nil}))
	passes(t, cast(asJSON))
	passes(t, cast(list(list(asJSON))))
	passes(t, cast(tree{"id": "STRUCT", "type_info": tree{"child_types": []any{tree{"first": "a", "second": asJSON}}}}))
	enum := tree{"id": "ENUM", "type_info": tree{"values": []any{"a"}}}
	own := tree{"id": "UNBOUND", "type_info": tree{"name": "own_type"}}
	for _, typ := range []tree{{"id": ""}, enum, own, {"id": "UNBOUND", "type_info": tree{"name": "json", "schema": "own"}}} {
		refused(t, cast(typ), "a cast to the type")
		refused(t, cast(list(list(typ))), "a cast to the type")
		refused(t, cast(tree{"id": "STRUCT", "type_info": tree{"child_types": []any{tree{"first": "a", "second": typ}}}}), "a cast to the type")
	}
}

// TestBounds: of nesting, parts and values.
func TestBounds(t *testing.T) {
	t.Parallel()
	deep := func(n int) tree {
		inner := one
		for range n {
			inner = call("abs", inner)
		}
		return selecting(inner)
	}
	passes(t, deep(maxDepth-2))
	refused(t, deep(maxDepth-1), "nested so deeply")
	wide := make([]any, maxNodes-3) // the query, its WITH and what it is from are three
	for i := range wide {
		wide[i] = one
	}
	passes(t, selecting(wide...))
	refused(t, selecting(append(wide, one)...), "so many parts")

	values := func(names ...any) tree {
		var list []any
		for _, name := range names {
			list = append(list, tree{"class": "PARAMETER", "identifier": name})
		}
		return selecting(list...)
	}
	require.Equal(t, 2, passes(t, values("2", "1", "2")).Params)
	for _, name := range []any{"0", "-1", "x", "01", "+1", "101", "", 1} {
		refused(t, values(name), "a value that is not")
	}
	refused(t, values("1", "3"), "value $3 without the ones before it")
}

// TestReplies: what the parser says.
func TestReplies(t *testing.T) {
	t.Parallel()
	for reply, want := range map[string]RefusedError{
		`{"error":true,"error_message":"Only SELECT statements can be serialized to json!"}`:         {false, "anything but one SELECT is not allowed", -1},
		`{"error":true,"error_message":"syntax error at x","position":"7"}`:                          {true, "syntax error at x", 7},
		`{"error":true,"error_message":"syntax error"}`:                                              {true, "syntax error", -1},
		`{"error":false,"statements":[]}`:                                                            {false, "0 statements, of which only one can be asked", -1},
		`{"error":false,"statements":[{},{}]}`:                                                       {false, "2 statements, of which only one can be asked", -1},
		`{"error":false,"statements":[{"node":{},"more":"x"}]}`:                                      {false, "a statement with more is not allowed", -1},
		`{"error":false,"statements":[{"node":{"type":"X","query_location":5}}]}`:                    {false, "a query of the kind X is not allowed", 5},
		`{"error":false,"statements":[{"node":{"type":"X","query_location":18446744073709551615}}]}`: {false, "a query of the kind X is not allowed", -1},
		`{"error":false,"statements":[{"node":[]}]}`:                                                 {false, "a query of the kind  is not allowed", -1},
		`{"error":false}`: {false, "0 statements, of which only one can be asked", -1},
		`[]`:              {true, "it cannot be parsed", -1},
		``:                {true, "it cannot be parsed", -1},
	} {
		_, err := Check([]byte(reply))
		require.Equal(t, &want, err, reply)
	}
}

// TestWithin: what runs is what was let through, at whatever place, and nothing else.
func TestWithin(t *testing.T) {
	t.Parallel()
	s := passes(t, selecting(one))
	whole := func(query tree) []byte { return serialized(t, tree{"node": query}) }
	moved := one.with(tree{"query_location": 20})
	require.NoError(t, s.Within(whole(from(inQuery(selecting(moved))))))
	for name, query := range map[string]tree{
		"another value": from(inQuery(selecting(moved.with(tree{"value": tree{"value": 2}})))),
		"one more":      from(inQuery(selecting(moved, moved))),
		"less":          from(inQuery(selecting())),
		"a join":        from(tree{"type": "JOIN", "left": inQuery(selecting(one)), "right": table("x")}),
		"elsewhere":     from(tree{"type": "TABLE_FUNCTION", "subquery": tree{"node": selecting(one)}}),
		"nothing":       selecting(one),
	} {
		require.ErrorContains(t, s.Within(whole(query)), "ends before its end", name)
	}
	require.Error(t, s.Within(serialized(t, tree{"node": from(inQuery(selecting(one)))}, tree{"node": selecting(one)})))
	require.Error(t, s.Within([]byte("x")))
}
