package loose_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"eventanalytics/services/ingest/sdk/loose"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		` {"b": 1.50, "a": [true, false, null, -0, 1e3]} `: `{"b":1.50,"a":[true,false,null,-0,1e3]}`,
		`{"a":1,"b":2,"a":3}`:                              `{"a":3,"b":2}`,
		`"\u0041\n\/\"\\\u00e9"`:                           `"A\n/\"\\é"`,
		`"\ud83d\ude00"`:                                   `"😀"`,
		`"\ud83d \ude00 \ude00\ud83d"`:                     `"` + "\ufffd \ufffd \ufffd\ufffd" + `"`,
		"\"\xed\xa0\xbd\xed\xb8\x80\"":                     `"😀"`,
		"\"\\ud83d\xed\xb8\x80\"":                          `"😀"`,
		"\"\xed\xa0\xbd \xff\"":                            `"` + "\ufffd \ufffd" + `"`,
		"\"\\u0000\x00\"":                                  `"` + "\ufffd\ufffd" + `"`,
		"\"a\tb\nc\"":                                      `"a\tb\nc"`,
		`{"a":[{"a":1,"b":[]},{}],"b":{"a":{"b":2}},"a":[{"b":3}]}`: `{"a":[{"b":3}],"b":{"a":{"b":2}}}`,
		`{}`: `{}`,
		`[]`: `[]`,
	} {
		v, err := loose.Parse([]byte(text))
		require.NoError(t, err, "%q", text)
		require.Equal(t, want, v.String(), "%q", text)
	}
	for _, text := range []string{
		``, ` `, `{`, `[1,]`, `{"a"}`, `{"a":}`, `{a:1}`, `01`, `1.`, `.5`, `-`, `1e`, `tru`, `nul`, `"`, `"\x"`, `"\u12"`, `"\u00g0"`, `[1 2]`, `1 2`, `]`, "\"\x01\"", `"\`, `{"a":1,}`,
	} {
		_, err := loose.Parse([]byte(text))
		require.ErrorIs(t, err, loose.ErrSyntax, "%q", text)
	}
	_, err := loose.Parse([]byte(strings.Repeat("[", 100_000)))
	require.ErrorIs(t, err, loose.ErrTooDeep)
	many := `{` + strings.Repeat(`"k":0,`, 50) + `"a":1,"a":2}`
	v, err := loose.Parse([]byte(many))
	require.NoError(t, err)
	require.Equal(t, `{"k":0,"a":2}`, v.String())
	v, err = loose.Parse([]byte(`{"x":[9,8],"o":{"a":1,"b":2,"a":3},"p":` + many + `}`))
	require.NoError(t, err)
	require.Equal(t, `{"x":[9,8],"o":{"a":3,"b":2},"p":{"k":0,"a":2}}`, v.String())
}

func TestCanonical(t *testing.T) {
	t.Parallel()
	v, err := loose.Parse([]byte(`{"é":{"b":1,"a":2.0},"z":[{"y":1,"x":2}],"a":""}`))
	require.NoError(t, err)
	require.Equal(t, `{"a":"","z":[{"x":2,"y":1}],"é":{"a":2.0,"b":1}}`, string(v.Canonical(nil)))
}

func TestAppendWithout(t *testing.T) {
	t.Parallel()
	v, err := loose.Parse([]byte(`{"c":1,"b":{"a":2,"c":3},"a":4}`))
	require.NoError(t, err)
	require.Equal(t, `{"c":1,"b":{"a":2,"c":3}}`, string(v.Append(nil, "a", "d")), "only the object's own members")
	require.Equal(t, `{"a":4,"b":{"a":2,"c":3}}`, string(v.Canonical(nil, "c")))
	require.Equal(t, `{}`, string(v.Append(nil, "a", "b", "c")))
}

// TestCopy: what is put into a copy is not in the original, nor in another copy.
func TestCopy(t *testing.T) {
	t.Parallel()
	v, err := loose.Parse([]byte(`{"a":1}`))
	require.NoError(t, err)
	one, other := v.Copy(1), v.Copy(0)
	one.Set("a", loose.Text("x"))
	one.Set("b", loose.Text("y"))
	other.Set("b", loose.Text("z"))
	require.Equal(t, []string{`{"a":1}`, `{"a":"x","b":"y"}`, `{"a":1,"b":"z"}`}, []string{v.String(), one.String(), other.String()})
}

func TestSplit(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		`[{"a":"]"}, [1,[2]] ,"x", 4]`: {`{"a":"]"}`, `[1,[2]]`, `"x"`, `4`},
		` [ ] `:                        nil,
		`{"a":1}`:                      {`{"a":1}`},
		"{\"a\":1}\n{\"b\":2}\n":       {`{"a":1}`, `{"b":2}`},
	} {
		var got []string
		for item, err := range loose.Split([]byte(text)) {
			require.NoError(t, err, text)
			got = append(got, string(item))
		}
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{``, `[`, `[1`, `[1 2]`, `[,]`, `[]]`, `[1]x`, `{`, `["a]`} {
		var fault error
		for _, err := range loose.Split([]byte(text)) {
			fault = err
		}
		require.ErrorIs(t, fault, loose.ErrSyntax, text)
	}
}

func TestFields(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]map[string][]byte{
		`{"a":[1, 2],"b":"x\"}","c":1,"a": {}}`: {"a": []byte(`{}`), "b": []byte(`"x\"}"`)},
		`{"\u0061":1,"c":2,"A":3}`:              {"a": []byte(`1`)},
		` { } `:                                 {},
	} {
		fields, err := loose.Fields([]byte(text), "a", "b")
		require.NoError(t, err, text)
		require.Equal(t, want, fields, text)
	}
	for _, text := range []string{``, `[]`, `{"a"}`, `{"a":1`, `{"a":1,}`, `{"\x":1}`, `{"a":1}x`, `{"a`} {
		_, err := loose.Fields([]byte(text), "a")
		require.ErrorIs(t, err, loose.ErrSyntax, text)
	}
}

// TestFieldsMemory: what is not asked for takes no memory.
func TestFieldsMemory(t *testing.T) { //nolint:paralleltest // it counts allocations
	many := []byte(`{` + strings.Repeat(`"name":[{"b":0}],`, 10_000) + `"a":1}`)
	require.Less(t, testing.AllocsPerRun(1, func() {
		if fields, err := loose.Fields(many, "a", "b"); err != nil || string(fields["a"]) != "1" {
			t.Error(fields, err)
		}
	}), 5.0)
}

func TestSmall(t *testing.T) {
	t.Parallel()
	require.Equal(t, "key", loose.Small([]byte(`"key"`)).Text())
	for _, text := range []string{``, `"`, `"` + strings.Repeat("x", 2_000) + `"`, strings.Repeat("[", 100)} {
		require.False(t, loose.Small([]byte(text)).Is(), text)
	}
}

// FuzzParse: what is read is written as valid JSON, which is read as the same.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"a":[1,"\ud83d\ude00",null]}`))
	f.Add([]byte("\"\xed\xa0\xbd\xed\xb8\x80\\u0000\""))
	f.Fuzz(func(t *testing.T, text []byte) {
		v, err := loose.Parse(text)
		if err != nil {
			if json.Valid(text) && err != loose.ErrTooDeep { //nolint:errorlint // it is returned bare
				t.Fatalf("%q is valid: %v", text, err)
			}
			return
		}
		written := v.Append(nil)
		if !json.Valid(written) || !utf8.Valid(written) {
			t.Fatalf("%q becomes %q", text, written)
		}
		again, err := loose.Parse(written)
		if err != nil || again.String() != string(written) {
			t.Fatalf("%q becomes %q, then %q: %v", text, written, again, err)
		}
		for _, err := range loose.Split(text) {
			if err != nil {
				t.Fatalf("%q cannot be split: %v", text, err)
			}
		}
	})
}
