package measure

import (
	"fmt"
	"os"
	"strings"
)

// Table is a table as Heading and Row print it, without the title.
func Table(columns []string, rows [][]string) string {
	var t strings.Builder
	line := func(cells []string) { fmt.Fprintf(&t, "| %s |\n", strings.Join(cells, " | ")) }
	line(columns)
	fmt.Fprintf(&t, "%s|\n", strings.Repeat("|---", len(columns)))
	for _, row := range rows {
		line(row)
	}
	return t.String()
}

// WriteBetween replaces what a page has between two comments: the one of the name, and the
// one of a slash with what the name has before its first colon.
func WriteBetween(path, name, text string) error {
	page, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("writing into a page: %w", err)
	}
	short, _, _ := strings.Cut(name, ":")
	begin, end := "<!-- "+name+" -->\n", "<!-- /"+short+" -->"
	before, rest, found := strings.Cut(string(page), begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		return fmt.Errorf("writing into a page: %s has no %s, with %s behind it", path, strings.TrimSpace(begin), end)
	}
	if err := os.WriteFile(path, []byte(before+begin+"\n"+text+"\n"+end+after), 0o644); err != nil {
		return fmt.Errorf("writing into a page: %w", err)
	}
	return nil
}
