package exactness

import (
	"fmt"
	"strings"
	"time"

	"eventanalytics/pkg/oracle"
)

// props makes properties: of few values and of many, numbers and what is none, kinds that
// differ from event to event, and values that some events lack.
func (e *equal) props() string {
	var members []string
	add := func(of int, key string, values ...string) {
		if e.rng.IntN(4) < of {
			members = append(members, fmt.Sprintf("%q:%s", key, pickOne(e, values)))
		}
	}
	add(3, "country", `"UA"`, `"UA"`, `"UA"`, `"PL"`, `"PL"`, `"DE"`, `"Ünï"`, `""`)
	add(2, "price", "1", "1.50", "2e1", "-3", "0.1", "0.2", "9007199254740993", fmt.Sprint(e.rng.IntN(300)), `"10"`, "null")
	add(1, "plan", `"free"`, `"pro"`)
	add(1, "n", `{"x":1}`, `{"x":"1"}`, `[1,"a"]`)
	add(1, "rare", fmt.Sprintf("%q", fmt.Sprint("v", e.rng.IntN(1000))))
	if len(members) == 0 {
		return ""
	}
	return "{" + strings.Join(members, ",") + "}"
}

// keyed is a field of a property.
func keyed(source string, keys ...string) oracle.Field {
	return oracle.Field{Source: source, Keys: keys}
}

// field makes one as it is posted, and for the model.
func (e *equal) field() (string, oracle.Field) {
	key := pickOne(e, []string{"country", "country", "plan", "price", "rare"})
	switch e.rng.IntN(8) {
	case 0:
		return "event_type", keyed("event_type")
	case 1:
		return "user." + key, keyed("user", key)
	case 2:
		return "first." + key, keyed("first", key)
	case 3:
		return "time.weekday", keyed("time.weekday")
	}
	return "properties." + key, keyed("properties", key)
}

// condition makes a filter as it is posted, and for the model.
func (e *equal) condition() (any, oracle.Filter) {
	is := func(f oracle.Field, op string, values ...string) oracle.Filter {
		return oracle.Condition{Field: f, Op: op, Values: values}
	}
	country, price := keyed("properties", "country"), keyed("properties", "price")
	switch e.rng.IntN(9) {
	case 0:
		return "properties.country=UA", is(country, "=", "UA")
	case 1:
		return "properties.price>=1.5", is(price, ">=", "1.5")
	case 2:
		return map[string]any{"not": "properties.country:exists"}, oracle.Not{Filter: is(country, "exists")}
	case 3:
		return "user.plan=pro", is(keyed("user", "plan"), "=", "pro")
	case 4:
		since := time.Now().AddDate(0, 0, -e.rng.IntN(60)).Format(time.DateOnly)
		return "first_seen:since(" + since + ")", is(keyed("first_seen"), "since", since)
	case 5:
		return map[string]any{"any": []string{"event_type=buy", "time.weekday>5"}},
			oracle.Any{is(keyed("event_type"), "=", "buy"), is(keyed("time.weekday"), ">", "5")}
	case 6:
		return "properties.country:matches((?i)^p|Ü)", is(country, "matches", "(?i)^p|Ü")
	case 7:
		return "properties.n.x=1", is(keyed("properties", "n", "x"), "=", "1")
	}
	return []any{"properties.country!=UA", map[string]any{"not": "properties.price:in(10,0.10)"}},
		oracle.All{is(country, "!=", "UA"), oracle.Not{Filter: is(price, "in", "10", "0.10")}}
}

// interval makes one of the intervals that all these questions have.
func (e *equal) interval(b map[string]any) string {
	interval := pickOne(e, []string{"day", "week", "month"})
	b["interval"] = interval
	if interval == "week" && e.rng.IntN(2) == 0 {
		b["week_start"] = "sunday"
		return "week-sunday"
	}
	return interval
}

// series makes one without a measure.
func (e *equal) series() (map[string]any, oracle.Series) {
	text, of := map[string]any{"event": "*"}, oracle.Series{}
	if e.rng.IntN(3) > 0 {
		of.Types = []string{pickOne(e, equalTypes), pickOne(e, equalTypes)}[:1+e.rng.IntN(2)]
		text["event"] = of.Types
	}
	if e.rng.IntN(4) == 0 {
		text["filter"], of.Filter = e.condition()
	}
	return text, of
}

// oneSeries makes the series of a question that has one, or none.
func (e *equal) oneSeries(b map[string]any) oracle.Series {
	if e.rng.IntN(2) == 0 {
		return oracle.Series{}
	}
	text, of := e.series()
	b["series"] = text
	return of
}

func (e *equal) measure() (string, oracle.Measure) {
	name := pickOne(e, []string{"users", "users", "events", "per_user", "sum", "avg", "max", "median", "p95", "distinct"})
	m := oracle.Measure{Name: name}
	if name == "users" || name == "events" || name == "per_user" {
		return name, m
	}
	m.Field = keyed("properties", "price")
	return name + "(properties.price)", m
}

// split makes a breakdown, or none, and its columns.
func (e *equal) split(b map[string]any) (s oracle.Split, columns []string) {
	if e.rng.IntN(2) == 0 {
		return s, nil
	}
	s = oracle.Split{Top: 1 + e.rng.IntN(4), Other: true, Total: e.rng.IntN(3) == 0}
	column, field := e.field()
	breakdown := []any{column}
	s.Breakdown, columns = []oracle.Breakdown{{Field: field}}, []string{column}
	if column == "properties.price" && e.rng.IntN(2) == 0 {
		s.Breakdown[0].Bins = []string{"0", "1.5", "20"}
		breakdown[0] = map[string]any{"field": column, "bins": []float64{0, 1.5, 20}}
	}
	if column != "properties.plan" && e.rng.IntN(3) == 0 {
		s.Breakdown, columns = append(s.Breakdown, oracle.Breakdown{Field: keyed("properties", "plan")}), append(columns, "properties.plan")
		breakdown = append(breakdown, "properties.plan")
	}
	b["breakdown"], b["top"], b["total"] = breakdown, s.Top, s.Total
	return s, columns
}
