package naming

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/refusal"
)

// code of a refusal, which names the field; empty for none.
func code(t *testing.T, err error, field string) string {
	t.Helper()
	if err == nil {
		return ""
	}
	var r *refusal.Error
	require.ErrorAs(t, err, &r)
	require.Equal(t, refusal.Invalid, r.Kind)
	require.Equal(t, field, r.Field)
	return r.Code
}

// unseen are characters that others would not see, or that change what they see.
const unseen = "\u00ad\u034f\u061c\u115f\u1160\u17b4\u180b\u180e\u200b\u200e\u200f\u202a\u202e\u2028\u2060\u2063\u2066\u206f\u2800\u3164\ufeff\uffa0\ufff9\ufffc\U0001d159\U000e0041\U000e0100\u0000\u0007\u0085\x7f"

func TestText(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"Shop":                            "",
		"a & b < c":                       "",
		"Ann-Marie O’Neill":               "",
		"Магазин для admin":               "", // no identity: scripts may mix
		"نمایش\u200cهای ایران":            "", // with a non-joiner, as Persian has it
		"क्\u200dष":                       "", // with a joiner
		"team 👩\u200d💻 ❤️":                "",
		"🏳️\u200d🌈":                       "",
		strings.Repeat("é", 200):          "",
		strings.Repeat("é", 201):          "invalid-field",
		"":                                "invalid-field",
		" \u3000\u00a0":                   "invalid-field",
		"\u0301":                          "invalid-field",
		"a\u200db":                        "invalid-character", // joins nothing
		"\u200d":                          "invalid-character",
		"❤\ufe0f\ufe0f\u200d\u200d":       "invalid-character",
		"a\xff":                           "invalid-character",
		"a" + strings.Repeat("\u0301", 4): "",
		"a" + strings.Repeat("\u0301", 5): "invalid-character",
	} {
		require.Equal(t, want, code(t, Text("name", s, 200), "name"), "%+q", s)
	}
	for _, r := range unseen {
		require.Equal(t, "invalid-character", code(t, Text("name", "a"+string(r)+"b", 200), "name"), "%U", r)
		require.NotEmpty(t, code(t, Text("name", string(r), 200), "name"), "%U", r)
	}
}

func TestUsername(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"ann":                             "",
		"Straße":                          "",
		"ann.example+test@example.com":    "",
		"<b>'; DROP TABLE users;--":       "",
		"Марія 🙂":                         "",
		"Δημήτρης-2":                      "",
		"מרים":                            "",
		"محمد":                            "",
		"山田たろう":                           "",
		"ラーメンlover":                       "", // Latin with Japanese
		"김철수kim":                          "",
		"ăn̈n̈a":                          "",
		"1234":                            "",
		"аdmin":                           "mixed-scripts", // Cyrillic а
		"раypal":                          "mixed-scripts",
		"admιn":                           "mixed-scripts", // Greek ι
		"раураӏ":                          "",              // all Cyrillic: Skeleton finds it
		"admin한ひ":                         "mixed-scripts", // Korean with Japanese
		"µbot":                            "mixed-scripts",
		"ann\u200cb":                      "invalid-character",
		"👩\u200d💻":                        "invalid-character",
		"ann\ue000":                       "invalid-character", // private use
		"ann\u0378":                       "invalid-character", // not assigned
		"ann\u1680b":                      "invalid-character", // a space that is drawn
		"ann\u00a0b":                      "",                  // the same as with a space
		strings.Repeat("é", 151):          "invalid-field",
		"  ":                              "invalid-field",
		"a" + strings.Repeat("\u0336", 5): "invalid-character",
	} {
		require.Equal(t, want, code(t, Username(name), "username"), "%+q", name)
	}
	for _, r := range unseen {
		require.Equal(t, "invalid-character", code(t, Username("a"+string(r)+"b"), "username"), "%U", r)
	}
}

func TestSkeleton(t *testing.T) {
	t.Parallel()
	for _, alike := range [][]string{
		{"admin", "Admin", "аdmin", "adrnin", " admin", "ａdmin", "𝐚𝐝𝐦𝐢𝐧"},
		{"paypal", "PaypaI", "paypa1", "раураӏ"},
		{"ann b", "ann  b", "ann\u00a0b", "ann\u2003b"},
		{"Straße", "STRASSE"},
	} {
		for _, name := range alike[1:] {
			require.Equal(t, Skeleton(alike[0]), Skeleton(name), "%+q", name)
		}
	}
	for _, other := range []string{"adm", "administrator", "bdmin", "ann", "ánn"} {
		require.NotEqual(t, Skeleton("admin"), Skeleton(other))
	}
	require.NotEqual(t, Skeleton("ann"), Skeleton("ánn"))
	require.NotEqual(t, Skeleton("ian"), Skeleton("lan"))
}

// Names of earlier versions are still compared, whatever is in them.
func TestPossible(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"ann", "a\u200bb", "аdmin", "a\ue000"} {
		require.True(t, Possible(name), "%+q", name)
	}
	for _, name := range []string{"a\x00", "a\xff", strings.Repeat("a", 151)} {
		require.False(t, Possible(name), "%+q", name)
	}
}
