package sandbox

import (
	_ "embed"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

//go:embed testdata/attacks.txt
var attacks string

// attack is a statement of testdata/attacks.txt.
type attack struct {
	text    string
	refused bool // must be; others may be answered
}

// corpus returns all of them, with some words replaced.
func corpus(t testing.TB, words ...string) (all []attack) {
	t.Helper()
	words = append(words, `\n`, "\n", `\t`, "\t", `\z`, "\x00")
	replace := strings.NewReplacer(words...)
	refused := false
	for line := range strings.Lines(attacks) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "["):
			refused = strings.HasPrefix(line, "[refused")
		case line != "" && !strings.HasPrefix(line, "#"):
			all = append(all, attack{replace.Replace(line), refused})
		}
	}
	require.GreaterOrEqual(t, len(all), 400)
	return append(all, made()...)
}

// made are statements that are too long to be written down.
func made() []attack {
	nested := func(open, inner, end string, n int) string {
		return strings.Repeat(open, n) + inner + strings.Repeat(end, n)
	}
	return []attack{
		{"SELECT " + nested("(", "1", ")", 8000) + " AS x", false},
		{"SELECT " + nested("(SELECT ", "1", ")", 1500) + " AS x", true},
		{"SELECT " + nested("abs(", "1", ")", 3000), true},
		{"SELECT " + nested("[", "1", "]", 8000), true},
		{"SELECT " + nested("{'a': ", "1", "}", 2000), true},
		{"SELECT " + nested("NOT ", "true", "", 4000), true},
		{"SELECT " + nested("- ", "1", "", 8000), false},
		{"SELECT " + nested("CASE WHEN true THEN ", "1", " END", 600), true},
		{"SELECT * FROM " + nested("(FROM ", "events", ")", 2000), true},
		{"SELECT * FROM " + strings.Repeat("events NATURAL JOIN ", 800) + "events", true},
		{"SELECT 1" + strings.Repeat(" + 1", 4000), true},
		{"SELECT 1" + strings.Repeat(" UNION ALL SELECT 1", 800), false},
		{"SELECT 1" + strings.Repeat(", 1", 5000), true},
		{"SELECT " + strings.Repeat("user_id || ", 1000) + "user_id FROM events", true},
		{"WITH " + strings.Repeat("a AS (SELECT 1 AS x), ", 700) + "b AS (SELECT 2) FROM b", true},
		{"SELECT '" + strings.Repeat("x", 16000) + "' AS x", false},
		{"SELECT 1::" + strings.Repeat("STRUCT(a ", 1500) + "INTEGER" + strings.Repeat(")", 1500), true},
		{"SELECT 1::INTEGER" + strings.Repeat("[]", 7000), true},
		{strings.Repeat("/*", 8000) + strings.Repeat("*/", 8000), true},
	}
}
