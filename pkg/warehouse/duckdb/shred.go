package duckdb

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"
	"strings"

	"eventanalytics/pkg/decimal"
	"eventanalytics/pkg/property"
	"eventanalytics/pkg/warehouse/segment"
)

// Kinds of columns that properties are shredded into. All values that a file's
// events have under the key are of the kind; where the column is NULL the key is
// missing.
const (
	// Text has JSON strings, as VARCHAR.
	Text = "text"
	// Integer has JSON numbers without fraction or exponent that fit into 64 bits,
	// as BIGINT.
	Integer = "integer"
	// Number has JSON numbers of which each is the shortest decimal of its float64, as
	// DOUBLE: 1.50 and 15e-1, but not 0.30000000000000000001. 0 has no sign.
	Number = "decimal"
	// rounded has JSON numbers as DOUBLE, some of which are others. Files of earlier
	// versions have it; nothing reads it any more, and merges replace it.
	rounded = "number"
)

const (
	// shredFrom is the minimum number of events of a segment whose properties are
	// shredded: reading the JSON of fewer takes no time, and small loads should take
	// none either.
	shredFrom = 20_000
	// shredSample is how many events the keys are chosen from.
	shredSample = 10_000
	// shredShare is how many in a hundred of these must have a key.
	shredShare       = 5
	maxShredded      = 16
	maxShreddedBytes = 64 // of a key
)

// shredding is what becomes of properties in a new segment.
type shredding struct {
	columns []string // kind:key, sorted; also the names of the columns
	// relation is a subquery of the events with these columns.
	relation string
}

// shred chooses the properties of events, given as a relation, that get a column
// of their own: keys that many events have, whose values are of one kind, and not
// nearly all different, as ids are. When the events come from segments that all
// have the same columns, these are kept. choose does the same for a load.
func (b *Builder) shred(ctx context.Context, conn *sql.Conn, relation string, events int64, in []segment.Segment) (shredding, error) {
	s := shredding{columns: []string{}, relation: relation}
	if events < b.ShredFrom {
		return s, nil
	}
	other := func(x segment.Segment) bool { return !slices.Equal(x.Shredded, in[0].Shredded) }
	isRounded := func(column string) bool { return strings.HasPrefix(column, rounded+":") }
	if len(in) > 0 && len(in[0].Shredded) > 0 && !slices.ContainsFunc(in, other) && !slices.ContainsFunc(in[0].Shredded, isRounded) {
		s.columns = in[0].Shredded
		return s, nil
	}
	// Columns make queries faster; an error here must not keep the events from being
	// written.
	keys, err := sampleKeys(ctx, conn, relation)
	if err != nil || len(keys) == 0 {
		return s, ctx.Err()
	}
	paths := make([]string, len(keys))
	for i, key := range keys {
		paths[i] = quote(pointer(key))
	}
	list := "[" + strings.Join(paths, ", ") + "]"
	kinds, err := b.kindsOf(ctx, conn, fmt.Sprintf("(SELECT properties, json_extract_string(properties, %[1]s) AS v, json_type(properties, %[1]s) AS t FROM %[2]s)", list, relation), keys)
	if err != nil {
		return s, ctx.Err()
	}
	var expressions []string
	for i, key := range keys {
		if kinds[i] == "" {
			continue
		}
		value := fmt.Sprintf("v[%d]", i+1)
		switch kinds[i] {
		case Integer:
			value = "TRY_CAST(" + value + " AS BIGINT)"
		case Number:
			value = "TRY_CAST(" + value + " AS DOUBLE) + 0" // no -0, which bloom filters tell from 0
		}
		column := kinds[i] + ":" + key
		s.columns = append(s.columns, column)
		expressions = append(expressions, ", "+value+" AS "+identifier(column))
	}
	slices.Sort(s.columns)
	s.relation = fmt.Sprintf("(SELECT * EXCLUDE v%s FROM (SELECT project_id, event_id, occurred_at, user_id, user_key, event_type, properties, json_extract_string(properties, %s) AS v FROM %s))",
		strings.Join(expressions, ""), list, relation)
	return s, nil
}

// sampleKeys returns the keys that enough of some events have, the most frequent
// first.
func sampleKeys(ctx context.Context, conn *sql.Conn, relation string) ([]string, error) {
	rows, err := conn.QueryContext(ctx, fmt.Sprintf(`
		WITH sample AS MATERIALIZED (SELECT properties FROM %s USING SAMPLE reservoir(%d ROWS) REPEATABLE (1))
		SELECT key, count(*) FROM (SELECT unnest(json_keys(properties)) AS key FROM sample)
		GROUP BY key HAVING count(*) * 100 >= %d * (SELECT count(*) FROM sample)
		ORDER BY count(*) DESC, key`, relation, shredSample, shredShare))
	if err != nil {
		return nil, fmt.Errorf("choosing properties: %w", err)
	}
	defer rows.Close()
	var keys []string
	var names columnNames
	for rows.Next() {
		var key string
		var n int64
		if err := rows.Scan(&key, &n); err != nil {
			return nil, fmt.Errorf("choosing properties: %w", err)
		}
		if names.take(key) && len(keys) < maxShredded {
			keys = append(keys, key)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("choosing properties: %w", err)
	}
	return keys, nil
}

// kindsOf returns the kind of each of some properties, "" for those that stay in
// JSON. values has their texts in the list v and their JSON types in t.
func (b *Builder) kindsOf(ctx context.Context, conn *sql.Conn, values string, keys []string) ([]string, error) {
	n := len(keys)
	var counts []string
	for i, key := range keys {
		exact := b.holds.add(func(properties string) bool { return isShortest(property.Find(properties, []string{key})) })
		defer b.holds.remove(exact)
		i++
		counts = append(counts, strings.ReplaceAll(`
			count(t[#]),
			count(*) FILTER (t[#] = 'VARCHAR'),
			count(*) FILTER (t[#] = 'BIGINT' AND TRY_CAST(v[#] AS BIGINT)::VARCHAR = v[#]
			              OR t[#] = 'UBIGINT' AND TRY_CAST(v[#] AS BIGINT)::VARCHAR = v[#]),
			count(*) FILTER (CASE WHEN t[#] IN ('DOUBLE', 'BIGINT', 'UBIGINT') THEN `+holdsSQL(fmt.Sprint(exact))+` END),
			approx_count_distinct(v[#])`, "#", fmt.Sprint(i)))
	}
	found := make([]int64, 5*n)
	into := make([]any, len(found))
	for i := range found {
		into[i] = &found[i]
	}
	if err := conn.QueryRowContext(ctx, "SELECT "+strings.Join(counts, ", ")+" FROM "+values).Scan(into...); err != nil {
		return nil, fmt.Errorf("looking at properties: %w", err)
	}
	kinds := make([]string, n)
	for i := range kinds {
		present, texts, integers, numbers, distinct := found[5*i], found[5*i+1], found[5*i+2], found[5*i+3], found[5*i+4]
		switch {
		case texts == present && distinct*2 > present:
			// ids: large, and rarely filtered by
		case texts == present:
			kinds[i] = Text
		case integers == present:
			kinds[i] = Integer
		case numbers == present:
			kinds[i] = Number
		}
	}
	return kinds, nil
}

// isShortest says whether a number is the shortest decimal of its float64.
func isShortest(v property.Value) bool {
	n, ok := decimal.Parse(v.JSON())
	x := n.Float()
	return ok && !math.IsInf(x, 0) && decimal.OfFloat(x) == n
}

// pointer is the JSON pointer (RFC 6901) to a key of an object.
func pointer(key string) string {
	return "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
}

// Columns is what a condition may use in some of the files.
type Columns struct {
	shredded []string
	bind     func(value any) string
	number   func(key string, function func() Function) string
}

// Shredded returns the column that has a property, and its kind; ok is false when
// the property is in JSON alone. The property is one of the object itself.
func (c Columns) Shredded(key string) (column, kind string, ok bool) {
	for _, kind := range []string{Text, Integer, Number} {
		if name := kind + ":" + key; slices.Contains(c.shredded, name) {
			return identifier(name), kind, true
		}
	}
	return "", "", false
}

// Holds is a condition on the properties of an event, as JSON or empty, that Go
// evaluates, in several goroutines at a time. One that is made under a key is used
// wherever the query has that key.
func (c Columns) Holds(key string, condition func() func(properties string) bool) string {
	return holdsSQL(c.number(key, func() Function {
		holds := condition()
		return func(properties string) (string, bool) { return "", holds(properties) }
	}))
}

// TextOf is an expression for the result of a function in Go, as Holds is for a
// condition.
func (c Columns) TextOf(expression, key string, function func() Function) string {
	return TextOf(expression, c.number(key, function))
}

// Bind returns a placeholder for a value.
func (c Columns) Bind(value any) string { return c.bind(value) }
