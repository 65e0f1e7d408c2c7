package main

import (
	"fmt"
	"time"

	"eventanalytics/tests/bench/history"
)

// analytics are the questions about fields, series and breakdowns of a month.
func analytics(month days) []*question {
	common := ofType(history.Type(1))
	events := statements{"count(*)", "count()"}
	trend := func(name string, best statements, fields []string, parameters ...string) *question {
		return &question{name: "trends, " + name, path: "trends", fields: fields, query: shifted(month, parameters...), best: best}
	}
	value := []string{"bucket", "value"}
	three := []string{history.Type(1), history.Type(2), history.Type(10)}
	ofThree := []string{"series", three[0], "series", three[1], "series", three[2]}
	item := func(duckdb, clickhouse string) statements {
		return month.dailyOf(events, statements{" AND " + duckdb, " AND " + clickhouse})
	}
	return []*question{
		trend("users of 3 types", seriesUsers(month, three), []string{"bucket", "series", "value"}, append(ofThree, "measure", "users")...),
		trend("events of 3 types", seriesEvents(month, three), []string{"bucket", "series", "value"}, append(ofThree, "measure", "events")...),
		trend("users of a type, rolling 7", rolling(month, 7, common), value, "series", three[0], "rolling", "7"),
		trend("users of a type, cumulative", cumulative(month, common), value, "series", three[0], "cumulative", "true"),
		trend("users of a type, compared", compared(month, common), []string{"bucket", "value", "previous"}, "series", three[0], "compare", "previous"),
		trend("users of a type, first", firsts(month, common), value, "series", `{"event": "`+three[0]+`", "first": true}`),
		{
			name: "lifecycle, 30 days", path: "lifecycle", fields: []string{"bucket", "status", "users"},
			query: shifted(month, "interval", "day"), best: lifecycle(month),
		}, {
			name: "stickiness, 30 days", path: "stickiness", fields: []string{"buckets", "users"},
			query: shifted(month, "interval", "day"), best: stickiness(month),
		},
		trend("users by country, top 10 and other", byCountry(month), []string{"bucket", "properties.country", "group", "value"},
			"series", "*", "breakdown", "properties.country"),
		trend("users by item, top 10 and other", byItem(month), []string{"bucket", "properties.item_id", "group", "value"},
			"series", "*", "breakdown", "properties.item_id", "filter", "properties.item_id:exists"),
		trend("users in a country", month.daily(statements{" AND country = 'UA'", " AND country = 'UA'"}), value,
			"series", "*", "filter", "properties.country=UA"),
		trend("sum of a number", month.dailyOf(statements{"sum(price)::DOUBLE", "sum(price)"}, all), value,
			"series", "*", "measure", "sum(properties.price)"),
		trend("p95 of a number", month.dailyOf(statements{"quantile_cont(price::DOUBLE, 0.95)", "quantileExactInclusive(0.95)(toFloat64(price))"}, all), value,
			"series", "*", "measure", "p95(properties.price)"),
		trend("events, contains", item("contains(item_id, '77')", "position(item_id, '77') > 0"), value,
			"series", "*", "measure", "events", "filter", "properties.item_id~77"),
		trend("events, regular expression", item("regexp_matches(item_id, '^SKU[1-3].*7$')", "match(item_id, '^SKU[1-3].*7$')"), value,
			"series", "*", "measure", "events", "filter", "properties.item_id:matches(^SKU[1-3].*7$)"),
		{
			name: "properties, 30 days", path: "properties", fields: []string{"property", "events"},
			query: shifted(month), best: propertyNames(month),
		}, {
			name: "property-values with q, 30 days", path: "property-values", fields: []string{"value", "events"},
			query: shifted(month, "property", "properties.item_id", "q", "sku77", "limit", "20"), best: propertyValues(month, "sku77"),
		},
	}
}

// letters of series, by their types: the name of a series is its letter.
func letters(types []string) (cases, list string) {
	for i, name := range types {
		cases += fmt.Sprintf(" WHEN '%s' THEN '%c'", name, 'A'+i)
		list += ", '" + name + "'"
	}
	return "CASE event_type" + cases + " END", list[2:]
}

func seriesUsers(d days, types []string) statements {
	letter, list := letters(types)
	return statements{
		fmt.Sprintf("SELECT DATE '1970-01-01' + d, %s, count(*) FROM (SELECT DISTINCT %s AS d, type_key, user_key FROM %s "+
			"WHERE %s AND type_key IN (SELECT type_key FROM types WHERE event_type IN (%s))) JOIN types USING (type_key) GROUP BY ALL ORDER BY 1, 2",
			letter, d.day(), table, d.where(), list),
		fmt.Sprintf("SELECT %s AS d, %s AS series, uniqExact(user_key) FROM %s WHERE %s AND event_type IN (%s) GROUP BY d, event_type ORDER BY d, series",
			d.clickHouseDate(), letter, table, d.clickHouseWhere(), list),
	}
}

func seriesEvents(d days, types []string) statements {
	letter, list := letters(types)
	return statements{
		fmt.Sprintf("SELECT DATE '1970-01-01' + d, %s, n FROM (SELECT %s AS d, type_key, count(*) AS n FROM %s "+
			"WHERE %s AND type_key IN (SELECT type_key FROM types WHERE event_type IN (%s)) GROUP BY ALL) JOIN types USING (type_key) ORDER BY 1, 2",
			letter, d.day(), table, d.where(), list),
		fmt.Sprintf("SELECT %s AS d, %s AS series, count() FROM %s WHERE %s AND event_type IN (%s) GROUP BY d, event_type ORDER BY d, series",
			d.clickHouseDate(), letter, table, d.clickHouseWhere(), list),
	}
}

// compared has the users of each day and of the same day of the range before, which
// ends where this one begins. Every day has some.
func compared(d days, condition statements) statements {
	n := d.length()
	both := days{d.from.AddDate(0, 0, -n), d.to}.daily(condition)
	from := d.from.Format(time.DateOnly)
	return statements{
		fmt.Sprintf("SELECT CASE WHEN d < DATE '%[1]s' THEN d + %[2]d ELSE d END AS day, max(n) FILTER (d >= DATE '%[1]s'), max(n) FILTER (d < DATE '%[1]s') "+
			"FROM (%[3]s) GROUP BY 1 ORDER BY 1", from, n, both.duckdb),
		fmt.Sprintf("SELECT if(d < toDate('%[1]s'), d + %[2]d, d) AS day, maxIf(n, d >= toDate('%[1]s')), maxIf(n, d < toDate('%[1]s')) "+
			"FROM (%[3]s) GROUP BY day ORDER BY day", from, n, both.clickhouse),
	}
}

// firsts counts the users by the day of their first event of all time.
func firsts(d days, condition statements) statements {
	return statements{
		"SELECT DATE '1970-01-01' + d, count(*) FROM (SELECT min(" + d.day() + ") AS d FROM " + table + " WHERE occurred_at < " + instant(d.end()) + condition.duckdb +
			fmt.Sprintf(" GROUP BY user_key) WHERE d >= %d GROUP BY 1 ORDER BY 1", number(d.from)),
		"SELECT d, count() FROM (SELECT min(" + d.clickHouseDate() + ") AS d FROM " + table + " WHERE occurred_at < " + clickHouseInstant(d.end()) + condition.clickhouse +
			fmt.Sprintf(" GROUP BY user_key) WHERE d >= toDate(%d) GROUP BY d ORDER BY d", number(d.from)),
	}
}

// byCountry has the users of each day in the ten countries with the most users in the
// range, and in all others together.
func byCountry(d days) statements { return d.topTen("country", all) }

// byItem does so for the thousands of items; it leaves out events without one.
func byItem(d days) statements {
	return d.topTen("item_id", statements{" AND item_id IS NOT NULL", " AND item_id != ''"})
}

func (d days) topTen(column string, condition statements) statements {
	return statements{
		fmt.Sprintf(`
WITH t AS MATERIALIZED (SELECT DISTINCT %[1]s AS d, %[2]s AS v, user_key FROM %[3]s WHERE %[4]s),
top AS (SELECT v FROM (SELECT DISTINCT v, user_key FROM t) GROUP BY 1 ORDER BY count(*) DESC, v LIMIT 10)
SELECT DATE '1970-01-01' + d, c, CASE WHEN c IS NULL THEN 'other' ELSE 'value' END, count(*)
FROM (SELECT DISTINCT d, top.v AS c, user_key FROM t LEFT JOIN top USING (v)) GROUP BY d, c ORDER BY 1, 2`,
			d.day(), column, table, d.where()+condition.duckdb),
		fmt.Sprintf(`
SELECT d, if(rank <= 10, v, NULL) AS c, if(rank <= 10, 'value', 'other') AS g, uniqExactMerge(users) FROM (
    SELECT d, v, users, dense_rank() OVER (ORDER BY n DESC, v) AS rank FROM (
        SELECT d, v, users, uniqExactMerge(users) OVER (PARTITION BY v) AS n FROM (
            SELECT %[1]s AS d, %[2]s AS v, uniqExactState(user_key) AS users FROM %[3]s WHERE %[4]s GROUP BY d, v
        )
    )
) GROUP BY d, c, g ORDER BY d, c`, d.clickHouseDate(), column, table, d.clickHouseWhere()+condition.clickhouse),
	}
}

// propertyNames counts the events that have each top-level property.
func propertyNames(d days) statements {
	return statements{
		"SELECT k, count(*) FROM (SELECT unnest(json_keys(properties)) AS k FROM " + table + " WHERE " + d.where() + ") GROUP BY 1 ORDER BY 2 DESC, 1",
		"SELECT arrayJoin(JSONAllPaths(properties)) AS k, count() AS n FROM " + table + " WHERE " + d.clickHouseWhere() + " GROUP BY k ORDER BY n DESC, k",
	}
}

// propertyValues are the most frequent items whose text contains q in any case.
func propertyValues(d days, q string) statements {
	return statements{
		"SELECT item_id, count(*) AS n FROM " + table + " WHERE " + d.where() + " AND item_id ILIKE '%" + q + "%' GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 20",
		"SELECT item_id, count() AS n FROM " + table + " WHERE " + d.clickHouseWhere() + " AND item_id ILIKE '%" + q + "%' GROUP BY item_id ORDER BY n DESC, item_id LIMIT 20",
	}
}
