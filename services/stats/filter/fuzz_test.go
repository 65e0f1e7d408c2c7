package filter

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// FuzzParseFilter reads any text as a filter: what is accepted survives being
// written and read again.
func FuzzParseFilter(f *testing.F) {
	for _, text := range []string{
		"", "event_type:purchase", "event_type:in(a,b)", "user_id=42", "user_id exists", `properties.a\.b.c>=1e3`, "properties.a/b~c~d",
		"properties.' OR 1=1--=x", `properties.a:in(x\\,\),)`, `properties.a\`, "properties.a:in(", "properties.a!=\x00", "properties.\xff=1",
		"properties.n=9007199254740993", "properties.n=-0", "properties.n<1e999", "properties.a in(1,2.5)",
		` properties.a . "" = b\ `, "user_id : missing ", "properties.a : in ( 1 , \\ 2 )", "properties.a:not_in(b)", "properties.a=b|c",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		filter, err := Parse(text)
		if err != nil {
			return
		}
		require.True(t, utf8.ValidString(text))
		require.LessOrEqual(t, utf8.RuneCountInString(text), MaxLength)
		if written := write(filter); utf8.RuneCountInString(written) <= MaxLength {
			again, err := Parse(written)
			require.NoError(t, err, written)
			again.Text = text
			require.Equal(t, filter, again, written)
		}
	})
}

// write is the opposite of Parse, with a backslash before each character.
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
	text := f.Field
	for _, key := range f.Keys {
		if key == "" {
			text += "." + emptyKey
		} else {
			text += "." + escape(key)
		}
	}
	values := make([]string, len(f.Values))
	for i, value := range f.Values {
		values[i] = escape(value)
	}
	switch f.Op {
	case Exists, Missing:
		return text + ":" + f.Op
	case In:
		return text + ":in(" + strings.Join(values, ",") + ")"
	}
	return text + f.Op + values[0]
}
