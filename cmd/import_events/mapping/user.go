package mapping

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"eventanalytics/cmd/import_events/row"
)

// Numbers says what becomes of user ids that look like numbers, but not like whole ones.
// Spreadsheets and data frames make 42.0 of the user 42 and 1.23E+11 of 123456789012: taken
// as they are, they would be other users.
type Numbers string

// The choices. Whole is for 42.0 only: nobody knows which digits 1.23E+11 has lost.
const (
	RefuseNumbers Numbers = "refuse"
	WholeNumbers  Numbers = "whole" // 42.0 is the user 42
	NumbersAsText Numbers = "text"  // 42.0 is the user "42.0"
)

// numeral is a number, which may have a fraction or an exponent, in the writing of any
// country. It is grouped if it may have groups of three digits: 12,000 is twelve thousand
// to some, and 12 to others.
var (
	numeral = regexp.MustCompile(`^([+-]?[0-9]+)(?:[.,]([0-9]*))?([eE][+-]?[0-9]+)?$`)
	grouped = regexp.MustCompile(`^[+-]?(?:[0-9]{1,3}(?:[., ][0-9]{3})+|[0-9]+[.,][0-9]{3})$`)
)

var errNotAnID = errors.New("a user id is a string or a whole number")

// id is the user that a value names. A string says what it means; the text of a cell does
// not.
func (n Numbers) id(v row.Value) (string, error) {
	if v.Kind == row.JSON {
		return "", fmt.Errorf("%s: %w", clip(v.Text), errNotAnID)
	}
	if v.Kind == row.Text || v.Kind == row.Time || n == NumbersAsText {
		return v.Text, nil
	}
	parts := numeral.FindStringSubmatch(v.Text)
	inGroups := v.Kind == row.Bare && grouped.MatchString(v.Text)
	if parts == nil && !inGroups {
		return v.Text, nil
	}
	advice := "write ids as text"
	if !inGroups && parts[3] == "" && strings.Trim(parts[2], "0") == "" {
		whole := parts[1]
		if v.Kind == row.Number && whole == "-0" {
			whole = "0" // as the API reads it
		}
		if n == WholeNumbers || parts[1] == v.Text {
			return whole, nil
		}
		advice = "if it means " + whole + ", say --user-numbers whole"
	}
	return "", fmt.Errorf("%s may be a user id that a spreadsheet has changed: %s; --user-numbers text takes it as it is", clip(v.Text), advice)
}
