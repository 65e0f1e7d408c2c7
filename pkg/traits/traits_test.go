package traits

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// take applies steps written as "do name value" to nothing, and returns what is there then.
func take(t *testing.T, steps ...string) string {
	t.Helper()
	p := NewProperties(nil)
	for i, text := range steps {
		parts := strings.SplitN(text+"  ", " ", 3)
		value := strings.TrimSpace(parts[2])
		p.Apply(Step{Do(parts[0]), parts[1], json.RawMessage(value)}, Place{Seq: int64(i + 1)})
	}
	all := map[string]string{}
	for name, of := range p.All() {
		all[name] = of.Value
	}
	text, err := json.Marshal(all)
	require.NoError(t, err)
	return strings.ReplaceAll(string(text), `"`, "")
}

func TestSteps(t *testing.T) {
	t.Parallel()
	for want, steps := range map[string][]string{
		"{a:2}":                      {"set a 1", "set a 2"},
		"{b:1}":                      {"set_once b 1", "set_once b 2"},
		"{c:2}":                      {"set c 1", "unset c", "set_once c 2"},
		"{d:}":                       {"set d 1", "unset d"},
		"{}":                         {"unset e"},
		"{f:0.3}":                    {"add f 0.1", "add f 0.2"},
		"{g:-1}":                     {"set g 1.50", "add g -2.5"},
		`{h:\pro\}`:                  {`set h "pro"`, "add h 1"},
		"{i:[1,1,2]}":                {"append i 1", "append i 1", "append i 2"},
		"{j:[2,1]}":                  {"prepend j 1", "prepend j 2"},
		"{k:[1,2]}":                  {"union k 1", "union k 1.0", "union k 2"},
		"{l:[2,1]}":                  {"union_head l 1", "union_head l 2", "union_head l 1"},
		"{m:[2]}":                    {"append m 1", "append m 2", "append m 1", "remove m 1"},
		"{n:1}":                      {"set n 1", "remove n 1"},
		"{o:[1,2]}":                  {"set o 1", "append o 2"},
		"{p:[[1],[2]]}":              {"append p [1]", "append p [2]"},
		"{q:,r:}":                    {"set q 1", "set r 2", "clear"},
		"{s:null}":                   {"set s null"},
		"{t:5e+50}":                  {"add t 5e50"},
		"{u:12345678901234567890.5}": {"set u 12345678901234567890", "add u 0.5"},
		"{v:1}":                      {"set v 1", "add v 1e300"}, // exact sums have an end
		"{w:[]}":                     {"append w 1", "remove w 1"},
	} {
		require.Equal(t, want, take(t, steps...), "%q", steps)
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	long := json.RawMessage(`"` + strings.Repeat("x", MaxValue-2) + `"`)
	p := NewProperties(nil)
	require.Equal(t, Changed, p.Apply(Step{Set, "a", long}, Place{}))
	require.Equal(t, TooLarge, p.Apply(Step{Set, "a", append(long, ' ')}, Place{}))
	require.Equal(t, TooLarge, p.Apply(Step{Append, "a", long}, Place{}))
	require.Equal(t, TooLarge, p.Apply(Step{Set, strings.Repeat("é", MaxName+1), long}, Place{}))
	require.Equal(t, TooLarge, p.Apply(Step{Set, "", long}, Place{}))
	for _, name := range []string{"b", "c"} {
		require.Equal(t, Changed, p.Apply(Step{Set, name, long}, Place{}))
	}
	require.Equal(t, TooLarge, p.Apply(Step{Set, "d", long}, Place{}), "all together have a bound")
	require.Equal(t, Changed, p.Apply(Step{Do: Unset, Name: "a"}, Place{}))
	require.Equal(t, Changed, p.Apply(Step{Set, "d", long}, Place{}))

	p = NewProperties(nil)
	one := json.RawMessage("1")
	for i := range MaxProperties {
		require.Equal(t, Changed, p.Apply(Step{Set, fmt.Sprint(i), one}, Place{}))
	}
	require.Equal(t, TooLarge, p.Apply(Step{Set, "one more", one}, Place{}))
	require.Equal(t, Changed, p.Apply(Step{Set, "1", long}, Place{}))
	require.Equal(t, Changed, p.Apply(Step{Do: Clear}, Place{}))
	require.Equal(t, Nothing, p.Apply(Step{Do: Clear}, Place{}))
	require.Equal(t, TooLarge, p.Apply(Step{Set, "one more", one}, Place{}), "removed ones are remembered")
}

// Steps without an effect can be left out, whatever comes behind them.
func TestIdleStepsCanBeLeftOut(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(7, 8))
	for range 300 {
		all, few := NewProperties(nil), NewProperties(nil)
		for i := range 60 {
			s, at := randomStep(rnd), Place{Seq: int64(i + 1)}
			if all.Apply(s, at) == Changed {
				require.Equal(t, Changed, few.Apply(s, at))
			}
		}
		require.Equal(t, all.All(), few.All())
		require.Equal(t, NewProperties(maps.Clone(all.All())).bytes, all.bytes)
	}
}

func randomStep(rnd *rand.Rand) Step {
	does := []Do{Set, Set, SetOnce, SetOnce, Unset, Add, Append, Prepend, Union, UnionHead, Remove, Clear}
	values := []string{"1", "1.0", "2", `"x"`, `[1,"x"]`, "null", `{"a":1}`}
	s := Step{Do: does[rnd.IntN(len(does))]}
	if s.Do != Clear {
		s.Name = string(rune('a' + rnd.IntN(3)))
	}
	if s.Do != Clear && s.Do != Unset {
		s.Value = json.RawMessage(values[rnd.IntN(len(values))])
	}
	return s
}

func TestEncoding(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(9, 10))
	for range 100 {
		want := []Step{randomStep(rnd), randomStep(rnd), {Set, "<&>\u2028", json.RawMessage(`"<é>"`)}}
		text, err := Encode(want)
		require.NoError(t, err)
		got, err := Decode(text)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func TestOfPerson(t *testing.T) {
	t.Parallel()
	set := func(value string, seq int64) Property { return Property{Value: value, Since: Place{Seq: seq}} }
	once := func(value string, seq int64) Property {
		return Property{Value: value, Once: true, Since: Place{Seq: seq}}
	}
	for name, c := range map[string]struct {
		ids  []Property // "" and seq 0: nothing
		want string
	}{
		"the root's":                         {[]Property{set("r", 1), set("m", 2)}, "r"},
		"the root's, though it is removed":   {[]Property{set("", 1), set("m", 2), once("n", 1)}, ""},
		"the root's against set_once":        {[]Property{set("r", 5), once("m", 2)}, "r"},
		"the earlier set_once":               {[]Property{once("r", 5), once("m", 2), once("n", 3)}, "m"},
		"the root's set_once is the earlier": {[]Property{once("r", 1), once("m", 2)}, "r"},
		"the root's set_once against set":    {[]Property{once("r", 5), set("m", 2)}, "r"},
		"the last that was set":              {[]Property{{}, set("m", 2), set("n", 3), once("o", 1)}, "n"},
		"the first set_once":                 {[]Property{{}, once("m", 3), once("n", 2)}, "n"},
	} {
		var ids []map[string]Property
		for _, p := range c.ids {
			of := map[string]Property{}
			if p.Since.Seq > 0 {
				of["p"] = p
			}
			ids = append(ids, of)
		}
		require.Equal(t, c.want, OfPerson(ids...)["p"].Value, name)
		for i, j := 1, len(ids)-1; i < j; i, j = i+1, j-1 { // the order of the others means nothing
			ids[i], ids[j] = ids[j], ids[i]
		}
		require.Equal(t, c.want, OfPerson(ids...)["p"].Value, name)
	}
}
