package event

import (
	"bytes"
	"math"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// Limits of a properties object: its size as sent, its nesting (the object
// itself is level 1), and the length of a number in it.
const (
	maxPropertiesBytes = 32 << 10
	maxPropertiesDepth = 32
	maxNumberLength    = 128
)

// names are the keys of the objects that have begun and not ended, quoted while they
// are read. They are kept to reuse the memory.
type names [][]byte

func (n *names) clear() {
	all := (*n)[:cap(*n)]
	clear(all)
	*n = all[:0]
}

// checkProperties rejects what JSON's grammar allows but Postgres, DuckDB or a
// Parquet reader could not represent, and what different readers understand
// differently. raw is a valid JSON object, apart from lone surrogates and repeated
// keys.
func (n *names) checkProperties(raw []byte) (code, message string) {
	if len(raw) > maxPropertiesBytes && !tooDeeplyNested(raw) {
		return "too-large", "properties may have at most 32 KiB"
	}
	// For each level of nesting where the keys of its object begin; -1 for arrays.
	var levels [maxPropertiesDepth + 1]int
	depth := 0
	isKey := false // the next string
	*n = (*n)[:0]
	for i := 0; i < len(raw); {
		switch c := raw[i]; {
		case c == '"':
			end := stringEnd(raw, i)
			quoted := raw[i:end]
			if code, message = checkString(quoted); code != "" {
				return code, message
			}
			if isKey {
				*n, isKey = append(*n, quoted), false
			}
			i = end
		case c == '{' || c == '[':
			if depth++; depth > maxPropertiesDepth {
				return "too-deep", "properties may be nested at most 32 levels deep"
			}
			levels[depth], isKey = -1, c == '{'
			if isKey {
				levels[depth] = len(*n)
			}
			i++
		case c == '}' || c == ']':
			if first := levels[depth]; c == '}' {
				if hasTwice((*n)[first:]) {
					return "duplicate-key", "an object may not have the same key twice"
				}
				*n = (*n)[:first]
			}
			depth--
			isKey = false
			i++
		case c == ',':
			isKey = levels[depth] >= 0
			i++
		case c == '-' || c >= '0' && c <= '9':
			end := i + 1
			for end < len(raw) && isNumberByte(raw[end]) {
				end++
			}
			if !numberInRange(raw[i:end]) {
				return "number-out-of-range", "a number must be finite as a 64-bit float and at most 128 characters long"
			}
			i = end
		default:
			i++
		}
	}
	return "", ""
}

// tooDeeplyNested reports whether a JSON value has more levels than properties may.
func tooDeeplyNested(raw []byte) bool {
	depth := 0
	for i := 0; i < len(raw) && depth <= maxPropertiesDepth; i++ {
		switch raw[i] {
		case '"':
			i = stringEnd(raw, i) - 1
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
	}
	return depth > maxPropertiesDepth
}

// hasTwice reports whether two of an object's keys are the same. It may change them.
func hasTwice(quoted [][]byte) bool {
	for i, name := range quoted {
		if bytes.IndexByte(name, '\\') >= 0 {
			quoted[i], _ = jsontext.AppendQuote(nil, unquoted(name))
		}
	}
	const few = 16 // comparing each with each is faster than sorting
	if len(quoted) <= few {
		for i, name := range quoted {
			for _, other := range quoted[:i] {
				if bytes.Equal(name, other) {
					return true
				}
			}
		}
		return false
	}
	slices.SortFunc(quoted, bytes.Compare)
	for i, name := range quoted[1:] {
		if bytes.Equal(name, quoted[i]) {
			return true
		}
	}
	return false
}

func unquoted(quoted []byte) []byte {
	text, _ := jsontext.AppendUnquote(nil, quoted) // it is valid
	return text
}

// stringEnd returns the index after the string that starts at i.
func stringEnd[T string | []byte](raw T, i int) int {
	for i++; raw[i] != '"'; i++ {
		if raw[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// checkString looks at the escapes of a quoted string.
func checkString(quoted []byte) (code, message string) {
	switch nul, lone := badEscapes(quoted); {
	case nul:
		return "invalid-character", `a string may not hold \u0000`
	case lone:
		return "invalid-character", notUnicode
	}
	return "", ""
}

// notUnicode is said of a string with half a character that needs two.
const notUnicode = `has a lone surrogate, such as \ud83d without the escape that completes it: half of a character`

// badEscapes reports whether a quoted string has an escape of U+0000, and whether it
// has one of a surrogate without the other.
func badEscapes(quoted []byte) (nul, lone bool) {
	for {
		i := bytes.IndexByte(quoted, '\\')
		if i < 0 {
			return nul, lone
		}
		if quoted = quoted[i+1:]; quoted[0] != 'u' {
			quoted = quoted[1:] // past the escaped character, which may be a backslash
			continue
		}
		unit := hex4(quoted[1:])
		quoted = quoted[5:]
		switch {
		case unit == 0:
			nul = true
		case unit&^0x3ff == 0xdc00:
			lone = true
		case unit&^0x3ff == 0xd800:
			if len(quoted) < 6 || quoted[0] != '\\' || quoted[1] != 'u' || hex4(quoted[2:])&^0x3ff != 0xdc00 {
				lone = true
			} else {
				quoted = quoted[6:]
			}
		}
	}
}

// hex4 reads the four digits of an escape.
func hex4(digits []byte) int {
	n, _ := strconv.ParseUint(string(digits[:4]), 16, 16) // it is valid
	return int(n)
}

// loneSurrogate reports whether a JSON value is a string with half a character.
func loneSurrogate(v jsontext.Value) bool {
	if v.Kind() != '"' {
		return false
	}
	_, lone := badEscapes(v)
	return lone
}

func isNumberByte(c byte) bool {
	return c >= '0' && c <= '9' || c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-'
}

func numberInRange(number []byte) bool {
	if len(number) > maxNumberLength {
		return false
	}
	if !bytes.ContainsAny(number, "eE") {
		return true // 128 digits are below 1.8e308
	}
	f, err := strconv.ParseFloat(string(number), 64)
	return err == nil && !math.IsInf(f, 0)
}
