package question_test

import (
	"encoding/binary"
	"encoding/json"
	"math/big"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"eventanalytics/pkg/event"
)

// scene is a zone and an instant around which its calendar is odd.
type scene struct {
	zone   string
	around string
}

var scenes = []scene{
	{"UTC", "2025-03-01T00:00:00Z"},
	{"America/New_York", "2025-03-09T07:00:00Z"},    // an hour is skipped
	{"America/New_York", "2025-11-02T06:00:00Z"},    // an hour comes twice
	{"Asia/Kathmandu", "2025-01-01T00:00:00Z"},      // +05:45
	{"America/St_Johns", "2006-10-29T02:31:00Z"},    // 00:01 becomes 23:01 of the day before
	{"America/St_Johns", "2010-03-14T03:31:00Z"},    // 00:01 becomes 01:01
	{"Pacific/Apia", "2011-12-30T10:00:00Z"},        // 30 December never was
	{"Australia/Lord_Howe", "2025-10-04T15:30:00Z"}, // half an hour is skipped
	{"Australia/Lord_Howe", "2025-04-05T15:00:00Z"}, // half an hour comes twice
	{"Africa/Casablanca", "2025-02-23T02:00:00Z"},   // summer time but for Ramadan
	{"America/New_York", "1970-01-02T03:00:00Z"},    // local dates before 1970
}

func (s scene) at() time.Time {
	t, err := time.Parse(time.RFC3339, s.around)
	if err != nil {
		panic(err)
	}
	return t
}

type generator struct {
	*rand.Rand
	// kinds are the values that properties of the project at hand have, by key; all
	// where it is nil.
	kinds map[string][]value
}

func pick[T any](g generator, of []T) T { return of[g.IntN(len(of))] }

var (
	someUsers = []string{"42", "43", "ann", "bob", "ünï", "o'neil; --", "😀", "עברית", "u1", "u2", "u3", "u4", "u5", "u6", "u7"}
	someTypes = []string{"view", "buy", "login", "Ünï", "a'b", "view item", "a:b.c"}
)

// events makes events of one project around the scene's instant: near it to the
// microsecond, within days, and within months.
func (g generator) events(s scene, n int) []event.Event {
	loc, err := time.LoadLocation(s.zone)
	if err != nil {
		panic(err)
	}
	center := s.at()
	events := make([]event.Event, n)
	for i := range events {
		var at time.Time
		switch g.IntN(5) {
		case 0: // at the change of the offset
			at = center.Add(time.Duration(g.IntN(5)-2) * time.Microsecond)
		case 1: // within hours of it
			at = center.Add(time.Duration(g.Int64N(int64(6*time.Hour)) - int64(3*time.Hour)))
		case 2: // at the bounds of days
			y, m, d := center.In(loc).AddDate(0, 0, g.IntN(60)-30).Date()
			at = time.Date(y, m, d, 0, 0, 0, 0, loc).Add(time.Duration(g.IntN(3)-1) * time.Microsecond)
		case 3:
			at = center.Add(time.Duration(g.Int64N(int64(10*24*time.Hour)) - int64(5*24*time.Hour)))
		default:
			at = center.Add(time.Duration(g.Int64N(int64(160*24*time.Hour)) - int64(100*24*time.Hour)))
		}
		events[i] = event.Event{
			ID: g.id(), OccurredAt: max(0, at.UnixMicro()),
			UserID: pick(g, someUsers), Type: pick(g, someTypes), Properties: g.properties(),
		}
	}
	return events
}

func (g generator) id() (id uuid.UUID) {
	binary.BigEndian.PutUint64(id[:8], g.Uint64())
	binary.BigEndian.PutUint64(id[8:], g.Uint64())
	return id
}

// value is a JSON value with what a filter sees of it.
type value struct {
	json   string
	text   string
	number bool
}

var someValues = []value{
	{`"UA"`, "UA", false}, {`"PL"`, "PL", false}, {`"pl"`, "pl", false}, {`"10"`, "10", false}, {`"9"`, "9", false},
	{`""`, "", false}, {`"caf\u00e9"`, "café", false}, {`"😀"`, "😀", false}, {`"ａ"`, "ａ", false}, {`"a,b"`, "a,b", false},
	{`"x)\\y\"z"`, `x)\y"z`, false}, {`"' OR 1=1--"`, "' OR 1=1--", false}, {`"exists"`, "exists", false},
	{`10`, "10", true}, {`9`, "9", true}, {`-3`, "-3", true}, {`0`, "0", true}, {`1.5`, "1.5", true},
	{`1.50`, "1.5", true}, {`1e2`, "100.0", true}, {`10.0`, "10.0", true}, {`0.1`, "0.1", true}, {`0.0`, "0.0", true}, {`-0.0`, "-0.0", true}, {`-0`, "0", true},
	{`9007199254740992`, "9007199254740992", true}, {`9007199254740993`, "9007199254740993", true},
	{`18446744073709551615`, "18446744073709551615", true},
	{`123456789012345678901234567890`, "123456789012345678901234567890", true},
	{`true`, "true", false}, {`false`, "false", false}, {`null`, "null", false},
	{`[1, "a", 3]`, `[1,"a",3]`, false}, {`{"x": 1}`, `{"x":1}`, false}, {`[]`, `[]`, false},
}

// someKeys are keys of properties as JSON has them.
var someKeys = []string{"country", "price", "a.b", "we ird", `q"uote`, "sl/ash", "til~de", `back\slash`, "*", "0", "in(", "ключ", "a=b", "$os"}

// someKinds are the values of one kind each, some almost of one, for keys.
func (g generator) someKinds() map[string][]value {
	kinds := map[string][]value{}
	for _, key := range someKeys {
		var keep func(v value) bool
		switch g.IntN(5) {
		case 0, 1:
			keep = func(v value) bool { return strings.HasPrefix(v.json, `"`) }
		case 2:
			keep = func(v value) bool { return v.number && !strings.ContainsAny(v.json, ".e") && len(v.json) < 18 }
		case 3:
			keep = func(v value) bool { return v.number && v.json != "9007199254740993" && len(v.json) < 18 }
		default:
			continue
		}
		for _, v := range someValues {
			if keep(v) || g.IntN(200) == 0 {
				kinds[key] = append(kinds[key], v)
			}
		}
	}
	return kinds
}

func (g generator) properties() string {
	if g.IntN(8) == 0 {
		return ""
	}
	objectOf := func(keys []string, value func(key string) string) string {
		var members []string
		for _, k := range keys {
			if g.IntN(2) == 0 {
				quoted, _ := json.Marshal(k)
				members = append(members, string(quoted)+pick(g, []string{":", ": ", " : "})+value(k))
			}
		}
		g.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
		return "{" + strings.Join(members, pick(g, []string{",", ", ", " ,\n"})) + "}"
	}
	object := func(keys []string, value func() string) string {
		return objectOf(keys, func(string) string { return value() })
	}
	leaf := func() string { return pick(g, someValues).json }
	leafOf := func(key string) string {
		if values := g.kinds[key]; values != nil {
			return pick(g, values).json
		}
		return leaf()
	}
	nested := func() string {
		if g.IntN(3) == 0 {
			return leaf()
		}
		return object([]string{"x", "y.z"}, func() string {
			if g.IntN(2) == 0 {
				return leaf()
			}
			return object([]string{"deep"}, leaf)
		})
	}
	flat := objectOf(someKeys, leafOf)
	rest := object([]string{"n"}, nested)
	switch {
	case rest == "{}":
		return flat
	case flat == "{}":
		return rest
	}
	return flat[:len(flat)-1] + "," + rest[1:]
}

// filter makes a filter as text and as a predicate.
func (g generator) filter() (string, func(event.Event) bool) {
	field, get := g.field()
	property := strings.HasPrefix(field, "properties")
	op := pick(g, []string{"=", "!=", ">", ">=", "<", "<=", "~", ":", "in", "exists"})
	one := func() string {
		if !property {
			return pick(g, append(someUsers, someTypes...))
		}
		return pick(g, []string{pick(g, someValues).text, "10", "9.5", "1.5", "1e2", "100", "UA", "P", "010", "9007199254740993", "9007199254740992.0", "nul"})
	}
	word := pick(g, []string{":", " "})
	switch op {
	case "exists":
		return field + word + "exists", func(e event.Event) bool { _, ok := get(e); return ok }
	case "in":
		values := []string{one(), one(), one()}[:1+g.IntN(3)]
		if values[0] == "" { // in() has no values
			values[0] = "UA"
		}
		var list []string
		for _, v := range values {
			list = append(list, escapeFilter(v, `\,)`))
		}
		return field + word + "in(" + strings.Join(list, ",") + ")", func(e event.Event) bool {
			v, ok := get(e)
			return ok && slices.ContainsFunc(values, func(w string) bool { return naiveCompare(v, "=", w, property) })
		}
	}
	v := one()
	if v == "" && (op != "=" && op != "!=") {
		v = "UA"
	}
	text := escapeFilter(v, `\`)
	if op == ":" && text == "exists" {
		text = `\exists`
	}
	predicate := strings.Replace(op, ":", "=", 1)
	return field + op + text, func(e event.Event) bool {
		have, ok := get(e)
		return ok && naiveCompare(have, predicate, v, property)
	}
}

// field makes a field as a filter writes it, and what gets it from an event.
func (g generator) field() (string, func(event.Event) (value, bool)) {
	switch g.IntN(6) {
	case 0:
		return "event_type", func(e event.Event) (value, bool) { return value{text: e.Type}, true }
	case 1:
		return "user_id", func(e event.Event) (value, bool) { return value{text: e.UserID}, true }
	}
	path := [][]string{{pick(g, someKeys)}, {pick(g, someKeys)}, {"n"}, {"n", "x"}, {"n", "y.z"}, {"n", "x", "deep"}, {"missing"}, {"n", "missing"}}[g.IntN(8)]
	var keys []string
	for _, key := range path {
		keys = append(keys, escapeFilter(key, `\.:=!<>~ `))
	}
	return "properties." + strings.Join(keys, "."), func(e event.Event) (value, bool) { return lookup(e.Properties, path) }
}

func escapeFilter(s, special string) string {
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune(special, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// lookup finds a property with encoding/json.
func lookup(properties string, path []string) (value, bool) {
	raw := json.RawMessage(properties)
	for _, key := range path {
		var object map[string]json.RawMessage
		if json.Unmarshal(raw, &object) != nil {
			return value{}, false
		}
		next, ok := object[key]
		if !ok {
			return value{}, false
		}
		raw = next
	}
	for _, v := range someValues {
		if v.json == string(raw) {
			return v, true
		}
	}
	return value{text: compact(raw)}, true
}

// compact writes a JSON document without white space and escapes, its numbers
// as text has them.
func compact(raw json.RawMessage) string {
	var b strings.Builder
	decoder := json.NewDecoder(strings.NewReader(string(raw)))
	decoder.UseNumber()
	var walk func()
	walk = func() {
		token, err := decoder.Token()
		if err != nil {
			panic(err)
		}
		switch v := token.(type) {
		case json.Delim:
			b.WriteString(v.String())
			for i := 0; decoder.More(); i++ {
				if i > 0 {
					b.WriteByte(',')
				}
				walk()
				if v == '{' {
					b.WriteByte(':')
					walk()
				}
			}
			if token, err = decoder.Token(); err != nil {
				panic(err)
			}
			b.WriteString(token.(json.Delim).String())
		case json.Number:
			i := slices.IndexFunc(someValues, func(s value) bool { return s.json == v.String() })
			if i < 0 {
				b.WriteString(v.String())
			} else {
				b.WriteString(someValues[i].text)
			}
		case string:
			encoder := json.NewEncoder(&b)
			encoder.SetEscapeHTML(false)
			if err := encoder.Encode(v); err != nil {
				panic(err)
			}
			text := strings.TrimSuffix(b.String(), "\n") // of the encoder
			b.Reset()
			b.WriteString(text)
		case nil:
			b.WriteString("null")
		case bool:
			b.WriteString(strconv.FormatBool(v))
		}
	}
	walk()
	return b.String()
}

var (
	naiveNumber = regexp.MustCompile(`^-?(0|[1-9]\d*)(\.\d+)?(e\d+)?$`)
	naiveWhole  = regexp.MustCompile(`^-?(0|[1-9]\d*)$`)
)

// naiveCompare compares a property with a filter's value.
func naiveCompare(have value, op, want string, property bool) bool {
	var order int
	if property && have.number && naiveNumber.MatchString(want) && op != "~" {
		a, _ := new(big.Int).SetString(have.text, 10)
		b, _ := new(big.Int).SetString(want, 10)
		x, _ := strconv.ParseFloat(have.text, 64)
		y, _ := strconv.ParseFloat(want, 64)
		switch {
		case a != nil && (a.IsUint64() || a.IsInt64()) && naiveWhole.MatchString(want):
			order = a.Cmp(b)
		case x < y:
			order = -1
		case x > y:
			order = 1
		}
	} else {
		order = strings.Compare(have.text, want)
	}
	switch op {
	case "=":
		return order == 0
	case "!=":
		return order != 0
	case ">":
		return order > 0
	case ">=":
		return order >= 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	default:
		return strings.Contains(have.text, want)
	}
}
