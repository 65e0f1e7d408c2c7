package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/tests/harness/api"
	"eventanalytics/tests/harness/stack"
)

// A user looks around on a device, logs in and out, and is one person in all answers, also
// of days before; what was reported can be had again, and the link can be taken back.
func TestPersons(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, s *stack.Stack) {
		c := newUser(t, s.URL)
		key, _ := c.Key(t, "ingest")
		track := func(messages string) (position string) {
			a := api.Anonymous(s.URL, nil).Do(t, "POST", "/v1/batch", strings.NewReader(`{"batch":[`+messages+`]}`), "X-Write-Key", "x:"+key, "Content-Type", "application/json")
			a.Is(t, 200, "")
			position = a.Header.Get("X-Position")
			c.Visible(t, position, "/api/stats/event-types")
			return position
		}
		message := func(who string, day int) string {
			return fmt.Sprintf(`{"type":"track","event":"view",%s,"timestamp":"2025-08-%02dT10:00:00Z","messageId":"%s"}`, who, day, newID())
		}
		before := track(message(`"anonymousId":"device"`, 1) + "," + message(`"anonymousId":"device"`, 2) + "," + message(`"userId":"ann"`, 2) + "," + message(`"userId":"ann"`, 3))
		dau := func(query ...string) []int {
			var answer struct {
				Data []struct{ DAU int }
				Meta struct {
					IdentityPosition string `json:"identity_position"`
				}
			}
			c.Get(t, "/api/stats/dau", append([]string{"from", "2025-08-01", "to", "2025-08-03"}, query...)...).Is(t, 200, "").Decode(t, &answer)
			all := []int{}
			for _, row := range answer.Data {
				all = append(all, row.DAU)
			}
			return all
		}
		require.Equal(t, []int{1, 2, 1}, dau())

		linked := track(`{"type":"identify","anonymousId":"device","userId":"ann","messageId":"` + newID() + `"}`)
		require.Equal(t, []int{1, 1, 1}, dau())
		require.Equal(t, []int{1, 2, 1}, dau("identity", "raw"))
		require.Equal(t, []int{1, 2, 1}, dau("as_of", before))
		require.Equal(t, []int{1, 1, 1}, dau("as_of", linked))

		var restated struct{ Data json.RawMessage }
		c.Get(t, "/api/identity/restated", "from", "2025-08-01", "to", "2025-08-31", "since", before).Is(t, 200, "").Decode(t, &restated)
		require.JSONEq(t, `[{"date":"2025-08-02","dau_before":2,"dau_after":1}]`, string(restated.Data))
		c.Get(t, "/api/identity/restated", "from", "2025-08-01", "to", "2025-08-31", "since", linked).Is(t, 200, "").Decode(t, &restated)
		require.JSONEq(t, `[]`, string(restated.Data))

		var changes struct {
			Data []struct {
				Change, From, To string
				MadeBy           string `json:"made_by"`
				Days             []string
				Before           string `json:"first_seen_before"`
				After            string `json:"first_seen_after"`
			}
		}
		c.Get(t, "/api/identity/changes", "since", before).Is(t, 200, "").Decode(t, &changes)
		require.Len(t, changes.Data, 1)
		change := changes.Data[0]
		require.Equal(t, []string{"linked", "device", "ann", "segment"}, []string{change.Change, change.From, change.To, change.MadeBy})
		require.Equal(t, []string{"2025-08-02"}, change.Days)
		require.Equal(t, []string{"2025-08-02T10:00:00Z", "2025-08-01T10:00:00Z"}, []string{change.Before, change.After})

		for _, id := range []string{"device", "ann"} { // any id of a person shows the person
			var profile struct {
				Data []struct {
					UserID string `json:"user_id"`
					Events int
				}
			}
			c.Get(t, "/api/stats/profiles/"+id).Is(t, 200, "").Decode(t, &profile)
			require.Equal(t, "ann", profile.Data[0].UserID)
			require.Equal(t, 4, profile.Data[0].Events)
		}

		var links struct{ Data []struct{ ID string } }
		c.Get(t, "/api/identity/links").Is(t, 200, "").Decode(t, &links)
		require.Len(t, links.Data, 1)
		var undone struct{ Position string }
		c.Do(t, "DELETE", "/api/identity/links/"+links.Data[0].ID, nil).Is(t, 202, "").Decode(t, &undone)
		c.Visible(t, undone.Position, "/api/stats/event-types")
		require.Equal(t, []int{1, 2, 1}, dau())
		require.Equal(t, []int{1, 1, 1}, dau("as_of", linked))
		track(message(`"anonymousId":"device","userId":"ann"`, 3))
		require.Equal(t, []int{1, 2, 1}, dau(), "an SDK does not undo what a person undid")
	})
}
