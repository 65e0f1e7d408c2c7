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

// broken is a number with a fraction or an exponent, in the writing of any country.
var broken = regexp.MustCompile(`^([+-]?[0-9]+)(?:[.,]([0-9]*))?([eE][+-]?[0-9]+)?$`)

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
	parts := broken.FindStringSubmatch(v.Text)
	if parts == nil || parts[1] == v.Text {
		return v.Text, nil
	}
	whole := parts[3] == "" && strings.Trim(parts[2], "0") == ""
	if whole && n == WholeNumbers {
		return parts[1], nil
	}
	advice := "write ids as text"
	if whole {
		advice = "if it means " + parts[1] + ", say --user-numbers whole"
	}
	return "", fmt.Errorf("%s may be a user id that a spreadsheet has changed: %s; --user-numbers text takes it as it is", clip(v.Text), advice)
}
