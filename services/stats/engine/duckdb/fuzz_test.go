package duckdb

import (
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/services/stats/filter"
)

// FuzzFilterSQL makes SQL of any filter that can be read: nothing of its values
// becomes SQL.
func FuzzFilterSQL(f *testing.F) {
	for _, text := range []string{
		"event_type:purchase", "event_type:in(a,b)", "user_id=42", `properties.a\.b.c>=1e3`, "properties.' OR 1=1--=x",
		`properties.a:in(x\\,\),)`, "properties.a!=\x00", "properties.n=9007199254740993", "properties.n=-0", "properties.n<1e999", "properties.a in(1,2.5)",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := filter.Parse(text)
		if err != nil {
			return
		}
		for _, value := range parsed.Values {
			require.Equal(t, condition(parsed, like(parsed, value)), condition(parsed, value))
		}
	})
}

// condition is the SQL for one value of a filter, without what is bound.
func condition(f filter.Filter, value string) string {
	if f.Field != filter.Properties {
		return textSQL(f.Field, f.Op, "$value")
	}
	return propertySQL(f.Op, "$path", value, func(any) string { return "$value" })
}

// like is a harmless value that is compared as the other one is.
func like(f filter.Filter, value string) string {
	_, number := numberOf(f.Op, value)
	switch {
	case number && jsonInteger.MatchString(value):
		return "1"
	case number:
		return "1.5"
	}
	return "x"
}
