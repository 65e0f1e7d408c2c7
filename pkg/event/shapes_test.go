package event

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whatever shape a request has, its events mean the same, even the invalid ones.
func TestShapesAgree(t *testing.T) {
	t.Parallel()
	changes := [][]string{
		{},
		{"event_type", `"a\u0062c"`},
		{"user_id", `"42"`, "properties", "null"},
		{"properties", "", "properties_json", `{"b": [1, {"c": " \" "}]}`},
		{"occurred_at", `"2025-08-21 06:52:34.123456789"`},
		{"event_id", ""},
		{"user_id", "1.5"},
		{"occurred_at", `"2125-08-21T06:52:34Z"`},
		{"unknown", `[{"a": null}]`},
		{"properties", `{"n": 1e999}`},
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	many := limits
	many.MaxEvents = 1000
	for range 50 {
		events := make([]string, 1+r.IntN(20))
		for i := range events {
			events[i] = eventWith(append([]string{"event_id", fmt.Sprintf(`"%08x-040b-466f-945c-148e4720f511"`, r.Uint32())}, changes[r.IntN(len(changes))]...)...)
			if r.IntN(10) == 0 {
				events[i] = "[7]"
			}
		}
		list := "[" + strings.Join(events, ",\n") + "]"
		want, err := Decode(strings.NewReader(list), false, many)
		require.NoError(t, err)
		require.Equal(t, len(events), want.Len())
		for name, tc := range map[string]struct {
			body   string
			ndjson bool
		}{
			"envelope": {body: ` {"events" :` + list + "} "},
			"ndjson":   {body: strings.Join(events, "\n") + "\n", ndjson: true},
		} {
			got, err := Decode(strings.NewReader(tc.body), tc.ndjson, many)
			require.NoError(t, err, name)
			require.Equal(t, want, got, name)
		}
		for i, event := range events {
			if event[0] != '{' {
				continue
			}
			one, err := decode(event)
			require.NoError(t, err)
			if len(one.Events) == 1 {
				at := 0
				for want.Indexes[at] != int32(i) {
					at++
				}
				require.Equal(t, want.Events[at], one.Events[0])
				continue
			}
			at := 0
			for want.Invalid[at].Index != i {
				at++
			}
			one.Invalid[0].Index = i
			require.Equal(t, want.Invalid[at], one.Invalid[0])
		}
	}
}
