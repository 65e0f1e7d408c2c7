package duckdb

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/syntax"
)

// harmless is all the SQL that a filter on a column may become.
var harmless = regexp.MustCompile(`^(?:true|false|(?:true|false) AND c IS NOT NULL|contains\(c(?:::VARCHAR)?, \$v::VARCHAR\)|` +
	`c (?:NOT )?IN \((?:(?:, )?\$v::[A-Z]+)+\)|(?:NOT )?list_contains\(\[(?:(?:, )?\$v::[A-Z]+)+\], c\)|c (?:<|<=|>|>=) \$v::[A-Z]+)$`)

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
		parsed, err := syntax.ParseSegment(text)
		if err != nil {
			return
		}
		sets := maxSets - 1 // the first of several is the last to use one
		c := comparison{Test: parsed.Test(nil), column: "c", bind: func(any) string { return "$v" }, sets: &sets}
		require.Regexp(t, harmless, c.text())
		if parsed.Op != syntax.Exists && parsed.Op != syntax.Missing {
			require.Regexp(t, harmless, c.integer())
		}
		if parsed.Op != syntax.Exists && parsed.Op != syntax.Missing && parsed.Op != "~" {
			require.Regexp(t, harmless, c.number())
		}
	})
}
