package question_test

import (
	"encoding/binary"
	"encoding/json"
	"math/big"
	"math/rand/v2"
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
	kinds map[string][]string
	near  time.Time // what instants in filters are near to; any scene where it is zero
	// inSessions says that there are fields at the entry and exit of sessions.
	inSessions bool
	// cohorts are those that filters may name.
	cohorts []cohort
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
		switch g.IntN(6) {
		case 0: // at the change of the offset
			at = center.Add(time.Duration(g.IntN(5)-2) * time.Microsecond)
		case 1: // within hours of it
			at = center.Add(time.Duration(g.Int64N(int64(6*time.Hour)) - int64(3*time.Hour)))
		case 2: // at the bounds of days
			y, m, d := center.In(loc).AddDate(0, 0, g.IntN(60)-30).Date()
			at = time.Date(y, m, d, 0, 0, 0, 0, loc).Add(time.Duration(g.IntN(3)-1) * time.Microsecond)
		case 3:
			at = center.Add(time.Duration(g.Int64N(int64(10*24*time.Hour)) - int64(5*24*time.Hour)))
		case 4: // long before
			at = center.Add(-time.Duration(g.Int64N(int64(500 * 24 * time.Hour))))
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

// someValues are JSON values that are easily taken for one another.
var someValues = []string{
	`"UA"`, `"PL"`, `"pl"`, `"10"`, `"10.0"`, `" 10"`, `"1e1"`, `"9"`, `"99"`, `""`, `"caf\u00e9"`, `"a,b"`, `"a|b"`, `"n/a"`,
	`"😀"`, `"\ud83d\ude00"`, `"ａ"`, `"\uff41"`, `"\ue000"`, `"z"`, // code points are in another order than UTF-16
	`"x)\\y\"z"`, `"' OR 1=1--"`, `"exists"`, `"not_exists"`, `"true"`, `"null"`,
	`10`, `9`, `-3`, `0`, `1.5`, `1.50`, `15e-1`, `1e2`, `100`, `10.0`, `1e1`, `0.1`, `0.0`, `-0.0`, `-0`, `99.5`, `-0.5`, `5e-1`,
	`0.3`, `0.30000000000000000001`, `0.30000000000000004`, `0.29999999999999999999`,
	`9007199254740992`, `9007199254740993`, `9007199254740993.0`, `9.007199254740993e15`, `18446744073709551615`, `-9223372036854775808`, `9223372036854775807`,
	`99999999999999999999999999999999999999`, `99999999999999999999999999999999999998`, `123456789012345678901234567890.5`, `1e40`, `1.5e41`, `1e308`, `1e-320`, `1e-323`, `1e-400`,
	`"2025-03-09"`, `"2025-03-09T03:00:00-04:00"`, `"2025-03-09T06:59:59.999999Z"`, `"2011-12-30"`, `"2025-02-30"`, `"2025-03-09 07:00"`,
	`true`, `false`, `null`, `["UA", 10.0, "10", null, [1]]`, `[1, "a", 3]`, `[1.0, 2e0, "\u00e9\/"]`, `{"x": 1}`, `{"x": 1.50}`, `[]`, `[1]`,
}

func isText(v string) bool    { return strings.HasPrefix(v, `"`) }
func isInteger(v string) bool { return !strings.ContainsAny(v, `"tfn[{.e`) && len(v) < 19 }
func isNumber(v string) bool  { return !strings.ContainsAny(v, `"tfn[{`) }

// isShort says whether float64 tells a number exactly.
func isShort(v string) bool {
	x, err := strconv.ParseFloat(v, 64)
	a, _ := new(big.Rat).SetString(strconv.FormatFloat(x, 'g', -1, 64))
	b, ok := new(big.Rat).SetString(v)
	return err == nil && ok && a.Cmp(b) == 0
}

// someKeys are keys of properties as JSON has them.
var someKeys = []string{"country", "price", "a.b", "we ird", `q"uote`, "sl/ash", "til~de", `back\slash`, "*", "0", "in(", "ключ", "a=b", "$os", ""}

// someKinds are the values of one kind each, some almost of one, for keys.
func (g generator) someKinds() map[string][]string {
	kinds := map[string][]string{}
	for _, key := range someKeys {
		var keep func(v string) bool
		switch g.IntN(6) {
		case 0, 1:
			keep = isText
		case 2:
			keep = isInteger
		case 3:
			keep = func(v string) bool { return isNumber(v) && isShort(v) }
		case 4:
			keep = isNumber
		default:
			continue
		}
		for _, v := range someValues {
			if keep(v) || g.IntN(300) == 0 {
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
	leaf := func() string { return pick(g, someValues) }
	leafOf := func(key string) string {
		if values := g.kinds[key]; values != nil {
			return pick(g, values)
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
