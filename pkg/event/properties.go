package event

import (
	"bytes"
	"math"
	"strconv"
)

// Limits of a properties object: its size as sent, its nesting (the object
// itself is level 1), and the length of a number in it.
const (
	maxPropertiesBytes = 32 << 10
	maxPropertiesDepth = 32
	maxNumberLength    = 128
)

// checkProperties rejects what JSON's grammar allows but Postgres, DuckDB or a
// Parquet reader could not represent. raw is a valid JSON object.
func checkProperties(raw []byte) (code, message string) {
	if len(raw) > maxPropertiesBytes {
		return "too-large", "properties may have at most 32 KiB"
	}
	depth := 0
	for i := 0; i < len(raw); {
		switch c := raw[i]; {
		case c == '"':
			end := stringEnd(raw, i)
			if hasNUL(raw[i:end]) {
				return "invalid-character", `a string may not hold \u0000`
			}
			i = end
		case c == '{' || c == '[':
			if depth++; depth > maxPropertiesDepth {
				return "too-deep", "properties may be nested at most 32 levels deep"
			}
			i++
		case c == '}' || c == ']':
			depth--
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

// stringEnd returns the index after the string that starts at i.
func stringEnd(raw []byte, i int) int {
	for i++; raw[i] != '"'; i++ {
		if raw[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// hasNUL reports whether a quoted string contains the escape of U+0000.
func hasNUL(quoted []byte) bool {
	for {
		i := bytes.IndexByte(quoted, '\\')
		if i < 0 {
			return false
		}
		if bytes.HasPrefix(quoted[i:], []byte(`\u0000`)) {
			return true
		}
		quoted = quoted[i+2:] // past the escaped character, which may be a backslash
	}
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
