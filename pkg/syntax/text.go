package syntax

import (
	"errors"
	"slices"
	"strings"
)

var errLoneBackslash = errors.New("ends in a lone backslash")

// emptyKey is how a field writes the key of no characters.
const emptyKey = `""`

// cutOperator splits a condition at its operator, and the field before it at its
// dots, without the spaces around them. A word after a space reads as after a colon.
// op is empty when there is none.
func cutOperator(s string, words []string) (keys []string, op, rest string, err error) {
	var key []byte
	kept, raw := 0, 0 // bytes of key that are no spaces at its end; where the key begins in s
	end := func(at int) error {
		switch key = key[:kept]; {
		case strings.TrimRight(s[raw:at], " ") == emptyKey:
			key = nil
		case len(key) == 0 && len(keys) > 0:
			return errors.New(`has an empty key; if a property has no characters in its name, write it ""`)
		}
		keys = append(keys, string(key))
		key, kept = nil, 0
		return nil
	}
	for i := 0; i < len(s); i++ {
		op, rest := operatorAt(s[i:])
		if op == "" && s[i] == ' ' && isOperation(strings.Trim(s[i:], " "), words) {
			op, rest = ":", s[i:]
		}
		switch {
		case op != "":
			err := end(i)
			return keys, op, trim(rest), err
		case s[i] == '.':
			if err := end(i); err != nil {
				return nil, "", "", err
			}
			raw = i + 1
		case s[i] == '\\':
			if i++; i == len(s) {
				return nil, "", "", errLoneBackslash
			}
			key = append(key, s[i])
			kept = len(key)
		default:
			key = append(key, s[i])
			if s[i] != ' ' {
				kept = len(key)
			}
		}
	}
	return keys, "", "", end(len(s))
}

// cutField is cutOperator, where the colon behind the word cohort is no operator: it and
// the name of the cohort are a part of the field, which is one key.
func cutField(s string, words []string) (keys []string, op, rest string, err error) {
	keys, op, rest, err = cutOperator(s, words)
	if err != nil || op != ":" || len(keys) != 1 || keys[0] != string(Cohort) {
		return keys, op, rest, err
	}
	if keys, op, rest, err = cutOperator(rest, words); err == nil {
		keys[0] = cohortPrefix + keys[0]
	}
	return keys, op, rest, err
}

func operatorAt(s string) (op, rest string) {
	for _, op := range []string{">=", "<=", "!=", ">", "<", "=", "~", ":"} {
		if rest, ok := strings.CutPrefix(s, op); ok {
			return op, rest
		}
	}
	return "", ""
}

// The words that are operators in a segment, and in a filter.
var (
	segmentWords = []string{In, Exists, Missing}
	filterWords  = []string{In, Exists, Missing, Matches, Has, Since, Before}
)

// cutWord cuts a text into the word of an operator that it begins with and, in
// parentheses, the values. word is empty when it does not.
func cutWord(s string, words []string) (word, values string) {
	for _, word := range words {
		if word == Exists || word == Missing {
			if s == word {
				return word, ""
			}
			continue
		}
		if rest, ok := strings.CutPrefix(s, word); ok {
			if values, ok := strings.CutPrefix(strings.TrimLeft(rest, " "), "("); ok {
				return word, values
			}
		}
	}
	return "", ""
}

// isOperation says whether what comes after a space is an operator.
func isOperation(s string, words []string) bool {
	word, _ := cutWord(s, words)
	return word != ""
}

// trim removes the spaces around a value, except one at the end that is escaped.
func trim(s string) string {
	s = strings.TrimLeft(s, " ")
	trimmed := strings.TrimRight(s, " ")
	if endsInBackslash(trimmed) && len(trimmed) < len(s) {
		trimmed += " "
	}
	return trimmed
}

// endsInBackslash says whether the last character is a backslash that is not escaped.
func endsInBackslash(s string) bool {
	return (len(s)-len(strings.TrimRight(s, `\`)))%2 == 1
}

// closed cuts the closing parenthesis, which is the last character and not an escaped
// one, and the spaces inside the parentheses.
func closed(s string) (string, error) {
	inner, ok := strings.CutSuffix(s, ")")
	if !ok || endsInBackslash(inner) {
		return "", errors.New("has no closing parenthesis")
	}
	if inner = trim(inner); inner == "" {
		return "", errors.New("has no values in the parentheses")
	}
	return inner, nil
}

// split cuts s at each separator without a backslash before it, and removes the
// spaces around each value, and the backslashes.
func split(s string, separator byte) ([]string, error) {
	var values []string
	var value []byte
	kept := 0 // bytes of value that are no spaces at its end
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			if i++; i == len(s) {
				return nil, errLoneBackslash
			}
			value = append(value, s[i])
			kept = len(value)
		case separator != 0 && c == separator:
			values = append(values, string(value[:kept]))
			value, kept = nil, 0
		case c == '|':
			return nil, errors.New(`has a bar in its value: write in(a,b) for one or the other, \| for the character`)
		case c != ' ':
			value = append(value, c)
			kept = len(value)
		case len(value) > 0:
			value = append(value, c)
		}
	}
	return append(values, string(value[:kept])), nil
}

// operatorWords are what the names of operators are made of elsewhere.
var operatorWords = strings.Fields(`after all any are at before begin begins between blank contain contains defined do does empty end ends
	eq equal equals exist exists false greater gt gte has icontains ieq in is known least less like lt lte match matches missing more most
	ne no none not null of one or present regex set since start starts than to true undefined unknown unset value with within`)

// operatorWord returns the word that a text begins with if it reads like an operator:
// it has an underscore and is made of nothing but operatorWords.
func operatorWord(text string) string {
	word, _, _ := strings.Cut(text, "(")
	word = strings.TrimRight(word, " ")
	parts := strings.Split(strings.ToLower(word), "_")
	if len(parts) == 1 || slices.ContainsFunc(parts, func(part string) bool { return !slices.Contains(operatorWords, part) }) {
		return ""
	}
	return word
}
