package naming

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.mau.fi/util/confusable"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"eventanalytics/pkg/refusal"
)

const maxUsername = 150 // code points

// Username applies the rules for the name of a new user: those of Text, without
// characters that are used in emoji and words only, and letters of one script, or of
// several that are written together (UTS 39, highly restrictive). Names that look like
// another are the business of Skeleton.
func Username(username string) error {
	const field = "username"
	if err := text(field, username, maxUsername, func(rune, rune) bool { return false }); err != nil {
		return err
	}
	for _, r := range username {
		if !unicode.IsGraphic(r) || unicode.Is(unicode.Zs, r) && norm.NFKC.String(string(r)) != " " {
			return refusal.InvalidField("invalid-character", field, fmt.Sprintf("may not hold the character %U", r))
		}
	}
	if found := scripts(norm.NFKC.String(username)); !together(found) {
		return refusal.InvalidField("mixed-scripts", field, "may not mix letters of "+strings.Join(found, ", "))
	}
	return nil
}

// Possible reports whether a user could have the name, now or by the rules of an
// earlier version.
func Possible(username string) bool {
	return utf8.ValidString(username) && !strings.ContainsRune(username, 0) && utf8.RuneCountInString(username) <= maxUsername
}

// Key is the form in which user names are compared: "Ann", "ann" and "Ａnn" are the
// same.
func Key(username string) string {
	folded := cases.Fold().String(norm.NFKC.String(strings.TrimSpace(username)))
	return norm.NFKC.String(folded)
}

// Skeleton is the form in which user names look alike (UTS 39, 4): "аdmin" with a
// Cyrillic а, "adrnin" and "admin" have the same. Case is folded last, since it is the
// capital I that looks like an l.
func Skeleton(username string) string {
	words := strings.Fields(norm.NFKC.String(username))
	return Key(confusable.Skeleton(strings.Join(words, " ")))
}

// scripts are those of the letters of s, sorted. Characters that several scripts
// share, such as digits, have none.
func scripts(s string) []string {
	var found []string
	for _, r := range s {
		if r <= unicode.MaxASCII && !unicode.IsLetter(r) || unicode.In(r, unicode.Common, unicode.Inherited) {
			continue
		}
		if name := script(r); !slices.Contains(found, name) {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return found
}

func script(r rune) string {
	if unicode.Is(unicode.Latin, r) {
		return "Latin"
	}
	for name, table := range unicode.Scripts {
		if unicode.Is(table, r) {
			return name
		}
	}
	return "an unknown script"
}

// together reports whether letters of the scripts are written in one word somewhere:
// Latin with Chinese, Japanese or Korean.
func together(found []string) bool {
	for _, language := range [][]string{{"Han", "Hiragana", "Katakana", "Latin"}, {"Bopomofo", "Han", "Latin"}, {"Han", "Hangul", "Latin"}} {
		if !slices.ContainsFunc(found, func(name string) bool { return !slices.Contains(language, name) }) {
			return true
		}
	}
	return len(found) <= 1
}
