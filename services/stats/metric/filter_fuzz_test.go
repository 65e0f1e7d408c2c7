package metric

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// FuzzParseFilter reads any text as a filter: what is accepted survives being
// written and read again, and nothing of it becomes SQL.
func FuzzParseFilter(f *testing.F) {
	for _, text := range []string{
		"", "event_type:purchase", "event_type:in(a,b)", "user_id=42", "user_id exists", `properties.a\.b.c>=1e3`, "properties.a/b~c~d",
		"properties.' OR 1=1--=x", `properties.a:in(x\\,\),)`, `properties.a\`, "properties.a:in(", "properties.a!=\x00", "properties.\xff=1",
		"properties.n=9007199254740993", "properties.n=-0", "properties.n<1e999", "properties.a in(1,2.5)",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		filter, err := ParseFilter(text)
		if err != nil {
			return
		}
		require.True(t, utf8.ValidString(text))
		require.LessOrEqual(t, utf8.RuneCountInString(text), MaxFilter)
		if written := write(filter); utf8.RuneCountInString(written) <= MaxFilter {
			again, err := ParseFilter(written)
			require.NoError(t, err, written)
			require.Equal(t, filter, again, written)
		}
		for _, value := range filter.values {
			require.Equal(t, condition(filter, like(filter, value)), condition(filter, value))
		}
	})
}

// write is the opposite of ParseFilter, with a backslash before each character.
func write(f Filter) string {
	escape := func(s string) (escaped string) {
		for _, r := range s {
			if r < utf8.RuneSelf {
				escaped += `\`
			}
			escaped += string(r)
		}
		return escaped
	}
	text := f.field
	for _, key := range strings.Split(f.pointer, "/")[1:] {
		text += "." + escape(strings.NewReplacer("~1", "/", "~0", "~").Replace(key))
	}
	values := make([]string, len(f.values))
	for i, value := range f.values {
		values[i] = escape(value)
	}
	switch f.op {
	case "exists":
		return text + ":exists"
	case "in":
		return text + ":in(" + strings.Join(values, ",") + ")"
	}
	return text + f.op + values[0]
}

// condition is the SQL for one value of a filter, without what is bound.
func condition(f Filter, value string) string {
	if f.field != "properties" {
		return textSQL(f.field, f.op, "$value")
	}
	return f.propertySQL("$path", value, func(any) string { return "$value" })
}

// like is a harmless value that is compared as the other one is.
func like(f Filter, value string) string {
	_, number := f.number(value)
	switch {
	case number && jsonInteger.MatchString(value):
		return "1"
	case number:
		return "1.5"
	}
	return "x"
}
