package statement

import (
	"fmt"
	"strings"
)

// plain is a member that is a name, a number or a flag, or a constant.
func plain(*checker, any, any, scope) error { return nil }

func (c *checker) aQuery(_, value any, s scope) error { return c.query(value, s) }

func (c *checker) aStatement(_, value any, s scope) error {
	if value == nil {
		return nil
	}
	return c.statement(value, s)
}

func (c *checker) aRelation(_, value any, s scope) error {
	if value == nil {
		return nil
	}
	return c.relation(value, s)
}

func (c *checker) anExpression(_, value any, s scope) error {
	if value == nil {
		return nil
	}
	return c.expression(value, s)
}

// each looks at the items of a list.
func each(look member) member {
	return func(c *checker, node, value any, s scope) error {
		items, ok := value.([]any)
		if !ok && value != nil {
			return refuse(node, "a node whose parts are no list")
		}
		for _, item := range items {
			if err := look(c, node, item, s); err != nil {
				return err
			}
		}
		return nil
	}
}

// of looks at a node of a form.
func of(f form) member {
	return func(c *checker, _, value any, s scope) error { return c.node(value, f, s) }
}

// oneOf looks at a node of one of some forms, by its type.
func oneOf(forms map[string]form) member {
	return func(c *checker, node, value any, s scope) error {
		if value == nil {
			return nil
		}
		name, _ := object(value)["type"].(string)
		f, known := forms[name]
		if !known {
			return refuse(node, "a part of the kind "+name)
		}
		return c.node(value, f, s)
	}
}

// The forms of all nodes, in the words of DuckDB's src/include/duckdb/storage/serialization.
var (
	withForm    form
	queries     map[string]form
	relations   map[string]form
	expressions map[string]form
)

func init() { // they refer to each other
	var (
		query           member = (*checker).aQuery
		stmt            member = (*checker).aStatement
		relation        member = (*checker).aRelation
		expression      member = (*checker).anExpression
		list                   = each(expression)
		order                  = of(form{"type": plain, "null_order": plain, "expression": expression})
		modifiers              = each(oneOf(modifierForms(expression, list, order)))
		with                   = of(form{"map": each(of(form{"key": plain, "value": plain}))}) // which query has looked at
		withExpressions        = func(f form, names ...string) form {
			for _, name := range names {
				f[name] = expression
			}
			return f
		}
	)
	withForm = form{"aliases": plain, "query": stmt, "materialized": plain}
	queries = map[string]form{
		"SELECT_NODE": withExpressions(form{
			"type": plain, "modifiers": modifiers, "cte_map": with, "select_list": list, "from_table": relation, "group_expressions": list, "group_sets": plain,
			"aggregate_handling": plain, "sample": plain,
		}, "where_clause", "having", "qualify"),
		"SET_OPERATION_NODE": {
			"type": plain, "modifiers": modifiers, "cte_map": with, "setop_type": plain, "setop_all": plain, "left": query, "right": query, "children": each(query),
		},
	}
	relations = map[string]form{
		"EMPTY": {"type": plain, "alias": plain},
		"BASE_TABLE": {
			"type": plain, "alias": plain, "sample": plain, "table_name": plain, "column_name_alias": plain,
		},
		"JOIN": withExpressions(form{
			"type": plain, "alias": plain, "sample": plain, "left": relation, "right": relation, "join_type": plain, "ref_type": plain, "using_columns": plain,
		}, "condition"),
		"SUBQUERY":        {"type": plain, "alias": plain, "sample": plain, "subquery": stmt, "column_name_alias": plain},
		"TABLE_FUNCTION":  {"type": plain, "alias": plain, "sample": plain, "column_name_alias": plain, "with_ordinality": plain},
		"EXPRESSION_LIST": {"type": plain, "alias": plain, "sample": plain, "expected_names": plain, "values": each(list), "column_name_alias": plain},
	}
	expressions = map[string]form{}
	for class, f := range map[string]form{
		"BETWEEN":     withExpressions(form{}, "input", "lower", "upper"),
		"CASE":        {"case_checks": each(of(withExpressions(form{}, "when_expr", "then_expr"))), "else_expr": expression},
		"CAST":        {"child": expression, "cast_type": castType, "try_cast": plain},
		"COLLATE":     {"child": expression, "collation": plain},
		"COLUMN_REF":  {"column_names": plain},
		"COMPARISON":  withExpressions(form{}, "left", "right"),
		"CONJUNCTION": {"children": list},
		"CONSTANT":    {"value": plain},
		"FUNCTION": {
			"function_name": plain, "children": list, "filter": expression, "order_bys": oneOf(modifierForms(expression, list, order)),
			"distinct": plain, "is_operator": plain, "schema": main,
		},
		"LAMBDA":               {"lhs": expression, "expr": expression, "syntax_type": plain},
		"OPERATOR":             {"children": list},
		"PARAMETER":            {"identifier": (*checker).parameter},
		"POSITIONAL_REFERENCE": {"index": plain},
		"STAR": {
			"relation_name": plain, "exclude_list": plain, "qualified_exclude_list": plain, "rename_list": plain, "columns": plain, "unpacked": plain, "expr": expression,
			"replace_list": each(of(form{"key": plain, "value": expression})),
		},
		"SUBQUERY": {"subquery_type": plain, "subquery": stmt, "child": expression, "comparison_type": plain},
		"WINDOW": withExpressions(form{
			"function_name": plain, "children": list, "partitions": list, "orders": each(order), "arg_orders": each(order),
			"schema": main, "start": plain, "end": plain, "ignore_nulls": plain, "distinct": plain, "exclude_clause": plain,
		}, "start_expr", "end_expr", "offset_expr", "default_expr", "filter_expr"),
	} {
		f["class"], f["type"], f["alias"] = plain, plain, plain
		expressions[class] = f
	}
}

// modifierForms are those of ORDER BY, LIMIT and DISTINCT.
func modifierForms(expression, list, order member) map[string]form {
	return map[string]form{
		"ORDER_MODIFIER":         {"type": plain, "orders": each(order)},
		"LIMIT_MODIFIER":         {"type": plain, "limit": expression, "offset": expression},
		"LIMIT_PERCENT_MODIFIER": {"type": plain, "limit": expression, "offset": expression},
		"DISTINCT_MODIFIER":      {"type": plain, "distinct_on_targets": list},
	}
}

// main is a member that is empty or main, the schema that the parser writes to functions that
// it makes of operators.
func main(_ *checker, node, value any, _ scope) error {
	if value != "" && value != "main" {
		return refuse(node, fmt.Sprintf("the schema %v", value))
	}
	return nil
}

// types are those that values may be cast to, by DuckDB's names.
var types = map[string]bool{
	"BOOLEAN": true, "TINYINT": true, "SMALLINT": true, "INTEGER": true, "BIGINT": true, "HUGEINT": true,
	"UTINYINT": true, "USMALLINT": true, "UINTEGER": true, "UBIGINT": true, "UHUGEINT": true, "BIGNUM": true,
	"FLOAT": true, "DOUBLE": true, "DECIMAL": true, "VARCHAR": true, "BLOB": true, "BIT": true, "UUID": true,
	"DATE": true, "TIME": true, "TIME_NS": true, "TIME WITH TIME ZONE": true, "INTERVAL": true,
	"TIMESTAMP": true, "TIMESTAMP_S": true, "TIMESTAMP_MS": true, "TIMESTAMP_NS": true, "TIMESTAMP WITH TIME ZONE": true,
	"LIST": true, "ARRAY": true, "STRUCT": true, "MAP": true, "UNION": true,
}

// castType looks at the type of a cast: one of our list, or JSON, which the parser knows by
// name alone. Other names are looked up, and ENUM is made of values.
func castType(_ *checker, node, value any, _ scope) error {
	id, _ := object(value)["id"].(string)
	info := object(object(value)["type_info"])
	if id == "UNBOUND" {
		name, _ := info["name"].(string)
		if strings.EqualFold(name, "json") && empty(info["catalog"]) && empty(info["schema"]) && empty(info["user_type_modifiers"]) {
			return nil
		}
		return refuse(node, fmt.Sprintf("a cast to the type %q", name))
	}
	if !types[id] {
		return refuse(node, fmt.Sprintf("a cast to the type %q", id))
	}
	return innerTypes(node, info)
}

// innerTypes looks at the types that a list, a struct or the like is of.
func innerTypes(node, info any) error {
	switch i := info.(type) {
	case map[string]any:
		if _, is := i["id"]; is {
			return castType(nil, node, i, nil)
		}
		for _, member := range i {
			if err := innerTypes(node, member); err != nil {
				return err
			}
		}
	case []any:
		for _, item := range i {
			if err := innerTypes(node, item); err != nil {
				return err
			}
		}
	}
	return nil
}
