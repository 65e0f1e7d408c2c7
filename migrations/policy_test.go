package migrations

import (
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Released before the policy. They only create.
var beforePolicy = []string{"00001_accounts.sql", "00002_ingest.sql", "00003_warehouse.sql"}

// Services of the previous version run on the schema until each is replaced
// (docs/upgrades.md), so a migration may only add. One that removes something
// says why no supported release needs it any more.
func TestMigrationsOnlyAdd(t *testing.T) {
	t.Parallel()
	paths, err := fs.Glob(files, "sql/*.sql")
	if err != nil || len(paths) <= len(beforePolicy) {
		t.Fatalf("found %d migrations: %v", len(paths), err)
	}
	for _, path := range paths {
		name := strings.TrimPrefix(path, "sql/")
		if slices.Contains(beforePolicy, name) {
			continue
		}
		text, err := fs.ReadFile(files, path)
		if err != nil {
			t.Fatal(err)
		}
		for _, reason := range breaks(string(text)) {
			t.Errorf("%s: %s breaks services of the previous version; see docs/upgrades.md", name, reason)
		}
	}
}

// The check itself must detect what it is meant to.
func TestBreakingMigrationsAreFound(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]string{
		"DROP TABLE analytics.a;":                                                        "DROP",
		"ALTER TABLE analytics.a DROP COLUMN b;":                                         "DROP",
		"alter table analytics.a\n    drop b;":                                           "DROP",
		"ALTER TABLE analytics.a RENAME TO b;":                                           "RENAME",
		"ALTER TABLE analytics.a RENAME COLUMN b TO c;":                                  "RENAME",
		"ALTER TABLE analytics.a ALTER COLUMN b TYPE bigint;":                            "TYPE",
		"ALTER TABLE analytics.a ALTER b SET DATA TYPE bigint;":                          "TYPE",
		"ALTER TABLE analytics.a ALTER COLUMN b SET NOT NULL;":                           "SET NOT NULL",
		"ALTER TABLE analytics.a ADD COLUMN b text NOT NULL;":                            "NOT NULL without DEFAULT",
		"ALTER TABLE analytics.a ADD b numeric(3, 2) NOT NULL;":                          "NOT NULL without DEFAULT",
		"ALTER TABLE analytics.a ADD COLUMN IF NOT EXISTS b int NOT NULL, ADD c int;":    "NOT NULL without DEFAULT",
		"ALTER TABLE analytics.a ADD b int NOT NULL, ADD c int NOT NULL DEFAULT 1;":      "NOT NULL without DEFAULT",
		"ALTER TABLE analytics.a ADD b int NOT NULL CHECK (b > 0); -- DEFAULT is no use": "NOT NULL without DEFAULT",
		"-- contract:\nDROP TABLE analytics.a;":                                          "DROP",
	} {
		if got := breaks(sql); len(got) != 1 || got[0] != want {
			t.Errorf("%q breaks %q, want %q", sql, got, want)
		}
	}
	for _, sql := range []string{
		"CREATE TABLE analytics.a (b text NOT NULL); -- nothing to DROP",
		"CREATE TYPE analytics.a AS ENUM ('x'); /* RENAME */",
		"ALTER TABLE analytics.a ADD COLUMN b text NOT NULL DEFAULT '', ADD c int;",
		"ALTER TABLE analytics.a ADD b numeric(3, 2) DEFAULT 0 NOT NULL;",
		"ALTER TABLE analytics.a ADD CONSTRAINT c CHECK (b IS NOT NULL) NOT VALID;",
		"INSERT INTO analytics.a VALUES ('DROP');",
		"-- contract: 1.4 and later do not read it\nALTER TABLE analytics.a DROP COLUMN b;",
	} {
		if got := breaks(sql); len(got) > 0 {
			t.Errorf("%q breaks %q", sql, got)
		}
	}
}

var (
	contract  = regexp.MustCompile(`(?m)^-- contract: *\S`)
	unspoken  = regexp.MustCompile(`(?s)--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'`) // comments and text
	forbidden = []struct {
		name    string
		pattern *regexp.Regexp
	}{
		{"DROP", regexp.MustCompile(`(?i)\bDROP\b`)},
		{"RENAME", regexp.MustCompile(`(?i)\bRENAME\b`)},
		{"TYPE", regexp.MustCompile(`(?i)\bALTER\s+(COLUMN\s+)?\S+\s+(SET\s+DATA\s+)?TYPE\b`)},
		{"SET NOT NULL", regexp.MustCompile(`(?i)\bSET\s+NOT\s+NULL\b`)},
	}
	alterTable = regexp.MustCompile(`(?i)\bALTER\s+TABLE\b[^;]*`)
	parens     = regexp.MustCompile(`\([^()]*\)`)
	addColumn  = regexp.MustCompile(`(?i)\bADD\s+(COLUMN\b)?`)
	constraint = regexp.MustCompile(`(?i)\bADD\s+(CONSTRAINT|CHECK|UNIQUE|PRIMARY|FOREIGN|EXCLUDE)\b`)
	notNull    = regexp.MustCompile(`(?i)\bNOT\s+NULL\b`)
	hasDefault = regexp.MustCompile(`(?i)\b(DEFAULT|GENERATED)\b`)
)

// breaks names what in a migration would break a service that does not know it.
func breaks(sql string) []string {
	if contract.MatchString(sql) {
		return nil
	}
	sql = unspoken.ReplaceAllString(sql, "''")
	var found []string
	for _, f := range forbidden {
		if f.pattern.MatchString(sql) {
			found = append(found, f.name)
		}
	}
	for _, statement := range alterTable.FindAllString(sql, -1) {
		for parens.MatchString(statement) {
			statement = parens.ReplaceAllString(statement, "")
		}
		for clause := range strings.SplitSeq(statement, ",") {
			if addColumn.MatchString(clause) && !constraint.MatchString(clause) && notNull.MatchString(clause) && !hasDefault.MatchString(clause) {
				found = append(found, "NOT NULL without DEFAULT")
			}
		}
	}
	return found
}
