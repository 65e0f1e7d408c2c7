package oracle

import (
	"bytes"
	"encoding/json"
	"math/big"
	"strconv"
	"strings"
)

func quoted(s string) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic(err) // strings are encodable
	}
	return bytes.TrimSpace(b.Bytes())
}

func isNumber(text string) bool {
	return text != "" && strings.Contains("-0123456789", text[:1]) && json.Valid([]byte(text)) && strings.TrimSpace(text) == text
}

func rational(number string) *big.Rat {
	r, ok := new(big.Rat).SetString(number)
	if !ok {
		panic(number + " is no number")
	}
	return r
}

// canonical writes a number without an exponent if that takes up to 40 digits.
func canonical(number string) string {
	text := rational(number).FloatString(1200)
	text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	if text == "-0" || text == "" {
		return "0"
	}
	digits := strings.NewReplacer("-", "", ".", "").Replace(text)
	if len(digits) <= 40 {
		return text
	}
	sign := text[:len(text)-len(strings.TrimPrefix(text, "-"))]
	whole, _, _ := strings.Cut(strings.TrimPrefix(text, "-"), ".")
	exponent := len(whole) - 1
	for digits[0] == '0' {
		digits, exponent = digits[1:], exponent-1
	}
	digits = strings.TrimRight(digits, "0")
	mantissa := digits[:1]
	if len(digits) > 1 {
		mantissa += "." + digits[1:]
	}
	plus := ""
	if exponent > 0 {
		plus = "+"
	}
	return sign + mantissa + "e" + plus + strconv.Itoa(exponent)
}

// textOf is the text of a value: of arrays and objects their JSON without white space
// and needless escapes.
func textOf(value json.RawMessage) string {
	if isNumber(string(value)) {
		return canonical(string(value))
	}
	var text string
	if value[0] == '"' {
		if err := json.Unmarshal(value, &text); err != nil {
			panic(err)
		}
		return text
	}
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.UseNumber()
	return documentText(decoder)
}

// documentText writes the next value of a document.
func documentText(d *json.Decoder) string {
	token, err := d.Token()
	if err != nil {
		panic(err)
	}
	switch v := token.(type) {
	case json.Delim:
		var parts []string
		for d.More() {
			part := documentText(d)
			if v == '{' {
				part += ":" + documentText(d)
			}
			parts = append(parts, part)
		}
		end, err := d.Token()
		if err != nil {
			panic(err)
		}
		return v.String() + strings.Join(parts, ",") + end.(json.Delim).String()
	case json.Number:
		return v.String()
	case string:
		return string(quoted(v))
	case bool:
		return strconv.FormatBool(v)
	default:
		return "null"
	}
}
