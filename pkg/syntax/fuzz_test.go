package syntax

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// FuzzParseSegment reads any text as a condition: what is accepted survives being
// written and read again.
func FuzzParseSegment(f *testing.F) {
	for _, text := range []string{
		"", "event_type:purchase", "event_type:in(a,b)", "user_id=42", "user_id exists", `properties.a\.b.c>=1e3`, "properties.a/b~c~d",
		"properties.' OR 1=1--=x", `properties.a:in(x\\,\),)`, `properties.a\`, "properties.a:in(", "properties.a!=\x00", "properties.\xff=1",
		"properties.n=9007199254740993", "properties.n=-0", "properties.n<1e999", "properties.a in(1,2.5)",
		` properties.a . "" = b\ `, "user_id : missing ", "properties.a : in ( 1 , \\ 2 )", "properties.a:not_in(b)", "properties.a=b|c",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		condition, err := ParseSegment(text)
		if err != nil {
			return
		}
		require.True(t, utf8.ValidString(text))
		require.LessOrEqual(t, utf8.RuneCountInString(text), MaxLength)
		if written := write(condition); utf8.RuneCountInString(written) <= MaxLength {
			again, err := ParseSegment(written)
			require.NoError(t, err, written)
			again.Text = text
			require.Equal(t, condition, again, written)
		}
	})
}

// write is the opposite of ParseSegment, with a backslash before each character.
func write(c Condition) string {
	escape := func(s string) (escaped string) {
		for _, r := range s {
			if r < utf8.RuneSelf {
				escaped += `\`
			}
			escaped += string(r)
		}
		return escaped
	}
	text := string(c.Field.Source)
	for _, key := range c.Field.Keys {
		if key == "" {
			text += "." + emptyKey
		} else {
			text += "." + escape(key)
		}
	}
	values := make([]string, len(c.Values))
	for i, value := range c.Values {
		values[i] = escape(value)
	}
	switch c.Op {
	case Exists, Missing:
		return text + ":" + c.Op
	case In:
		return text + ":in(" + strings.Join(values, ",") + ")"
	}
	return text + c.Op + values[0]
}
