package ingest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/traits"
)

// traits are the changes in the log, as "kind type id: do name value, …".
func (a *api) traits(t *testing.T) (all []string) {
	t.Helper()
	var subjects, steps []string
	require.NoError(t, a.pool.QueryRow(t.Context(),
		`SELECT coalesce(array_agg(concat_ws(' ', kind, nullif(type, ''), id) ORDER BY xid, seq), '{}'), coalesce(array_agg(steps ORDER BY xid, seq), '{}')
		 FROM analytics.trait_changes WHERE $1::bigint IN (0, project_id)`, a.looked).Scan(&subjects, &steps))
	for i, text := range steps {
		read, err := traits.Decode(text)
		require.NoError(t, err)
		var each []string
		for _, s := range read {
			each = append(each, strings.TrimSpace(string(s.Do)+" "+s.Name+" "+string(s.Value)))
		}
		all = append(all, subjects[i]+": "+strings.Join(each, ", "))
	}
	return all
}

// What each protocol says of users and groups.
func TestTraitsOfSDKs(t *testing.T) {
	t.Parallel()
	a := newAPI(t, defaultLimits)
	for name, c := range map[string]struct {
		path, body string
		traits     []string
	}{
		"segment": {"/v1/batch", `{"batch":[
			{"type":"identify","userId":"ann","traits":{"plan":"pro","<b>":null},"messageId":"1"},
			{"type":"identify","userId":"ann","context":{"traits":{"plan":"max"}},"messageId":"2"},
			{"type":"track","event":"e","userId":"ann","context":{"traits":{"plan":"x"}},"messageId":"3"},
			{"type":"group","userId":"ann","groupId":"acme","traits":{"seats":3},"context":{"traits":{"plan":"x"}},"messageId":"4"},
			{"type":"group","anonymousId":"a1","groupId":7,"context":{"groupType":"team"},"messageId":"5"},
			{"type":"identify","anonymousId":"a1","messageId":"6"},
			{"type":"identify","userId":"ann","traits":{"plan":"pro"},"messageId":"1"}]}`,
			[]string{`user ann: set plan "pro", set <b> null`, `user ann: set plan "max"`, "group group acme: set seats 3", `member ann: set group "acme"`, `member a1: set team "7"`}},
		"jitsu": {"/api/s/identify", `{"type":"identify","userId":"ann","traits":{"plan":"pro"},"messageId":"1"}`,
			[]string{`user ann: set plan "pro"`}},
		"posthog": {"/batch", `{"api_key":"KEY","batch":[
			{"event":"e","distinct_id":"ann","properties":{"$set":{"a":1},"$unset":["c"]},"$set":{"a":2},"$set_once":{"b":1},"uuid":"018f0000-0000-7000-8000-000000000001"},
			{"event":"$identify","distinct_id":"ann","properties":{"$anon_distinct_id":"d1"},"$set":{"plan":"pro"},"uuid":"018f0000-0000-7000-8000-000000000002"},
			{"event":"$set","distinct_id":"ann","properties":{"$set":{"plan":"max"}},"uuid":"018f0000-0000-7000-8000-000000000003"},
			{"event":"$groupidentify","distinct_id":"ann","properties":{"$group_type":"company","$group_key":"acme","$group_set":{"seats":3}},"uuid":"018f0000-0000-7000-8000-000000000004"},
			{"event":"e","distinct_id":"ann","properties":{"$process_person_profile":false,"$set":{"a":9}},"uuid":"018f0000-0000-7000-8000-000000000005"},
			{"event":"e","distinct_id":"ann","$set":{"a":9},"uuid":"018f0000-0000-7000-8000-000000000001"}]}`,
			[]string{"user ann: set a 1, unset c, set_once b 1, set a 2", `user ann: set plan "pro"`, `user ann: set plan "max"`, "group company acme: set seats 3"}},
		"amplitude": {"/2/httpapi", `{"api_key":"KEY","events":[
			{"event_type":"$identify","user_id":"ann","insert_id":"i1","user_properties":{"$set":{"plan":"pro"},"$setOnce":{"by":"x"},"$add":{"n":1},"$append":{"l":[1,2]},"$prepend":{"l":[3,4]},
				"$preInsert":{"l":[5,6]},"$postInsert":{"l":7},"$remove":{"l":[1]},"$unset":{"old":"-"}},"groups":{"company":["old","acme"]}},
			{"event_type":"e","device_id":"d","insert_id":"i2","user_properties":{"plan":"free","$clearAll":"-"},"groups":{"company":"x"}},
			{"event_type":"$groupidentify","insert_id":"i3","group_properties":{"$set":{"seats":3}},"groups":{"company":"acme"}}]}`,
			[]string{`user ann: set plan "pro", set_once by "x", add n 1, append l 1, append l 2, prepend l 4, prepend l 3, union_head l 6, union_head l 5, union l 7, remove l 1, unset old`,
				`member ann: set company "acme"`, `user $device:d: set plan "free", clear`, "group company acme: set seats 3"}},
		"umami": {"/api/send", `{"type":"identify","payload":{"website":"KEY","id":"ann","data":{"plan":"pro"}}}`,
			[]string{`user ann: set plan "pro"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := *a // a look at another project
			key := a.project(t)
			for range 2 { // what is sent again changes nothing
				got := a.send(t, http.MethodPost, c.path, strings.ReplaceAll(c.body, "KEY", key), "X-Write-Key", "x:"+key, "Content-Type", "text/plain")
				require.Equal(t, 200, got.status, got.body)
				if name == "umami" { // which has no ids
					require.Equal(t, c.traits, a.traits(t)[:1])
					continue
				}
				require.Equal(t, c.traits, a.traits(t))
			}
		})
	}
}

// Changes of profiles, which have no id: what is sent again counts again.
func TestTraitsWithoutIDs(t *testing.T) {
	t.Parallel()
	a := newAPI(t, defaultLimits)
	for name, c := range map[string]struct {
		path, body string
		traits     []string
	}{
		"mixpanel": {"/engage", `[
			{"$token":"KEY","$distinct_id":"ann","$set":{"plan":"pro"},"$add":{"n":1}},
			{"$token":"KEY","$distinct_id":"ann","$set_once":{"by":"x"}},
			{"$token":"KEY","$distinct_id":"ann","$append":{"l":[1]}},
			{"$token":"KEY","$distinct_id":"ann","$union":{"l":[1,2]}},
			{"$token":"KEY","$distinct_id":"ann","$remove":{"l":2}},
			{"$token":"KEY","$distinct_id":"ann","$unset":["plan"]},
			{"$token":"KEY","$device_id":"d","$delete":""}]`,
			[]string{`user ann: set plan "pro", add n 1`, `user ann: set_once by "x"`, "user ann: append l [1]", "user ann: union l 1, union l 2", "user ann: remove l 2", "user ann: unset plan", "user $device:d: clear"}},
		"mixpanel groups": {"/groups", `[{"$token":"KEY","$group_key":"company","$group_id":"acme","$set":{"seats":3}}]`,
			[]string{"group company acme: set seats 3"}},
		"openpanel identify": {"/track", `{"type":"identify","payload":{"profileId":"ann","firstName":"Ann","properties":{"plan":"pro","__path":"x"}}}`,
			[]string{`user ann: set firstName "Ann", set plan "pro"`}},
		"openpanel increment": {"/track", `{"type":"increment","payload":{"profileId":"ann","property":"n"}}`, []string{"user ann: add n 1"}},
		"openpanel decrement": {"/track", `{"type":"decrement","payload":{"profileId":"ann","property":"n","value":2.5}}`, []string{"user ann: add n -2.5"}},
		"openpanel group": {"/track", `{"type":"group","payload":{"id":"acme","type":"company","name":"Acme","properties":{"seats":3}}}`,
			[]string{`group group acme: set name "Acme", set type "company", set seats 3`}},
		"openpanel assign_group": {"/track", `{"type":"assign_group","payload":{"groupIds":["old","acme"],"profileId":"ann"}}`,
			[]string{`member ann: set group "acme"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := *a
			key := a.project(t)
			headers := []string{"Content-Type", "text/plain"}
			if strings.HasPrefix(name, "openpanel") {
				headers = append(headers, "openpanel-client-id", key)
			}
			got := a.send(t, http.MethodPost, c.path, strings.ReplaceAll(c.body, "KEY", key), headers...)
			require.Equal(t, 200, got.status, got.body)
			require.Equal(t, c.traits, a.traits(t))
			a.send(t, http.MethodPost, c.path, strings.ReplaceAll(c.body, "KEY", key), headers...)
			require.Equal(t, append(c.traits, c.traits...), a.traits(t))
		})
	}
}

// What is beyond a bound is said without its value, so that the worker counts it.
func TestTraitsBeyondBounds(t *testing.T) {
	t.Parallel()
	a := newAPI(t, defaultLimits)
	key := a.key(t, auth.ScopeIngest)
	long := strings.Repeat("x", traits.MaxValue)
	deep := strings.Repeat("[", 33) + strings.Repeat("]", 33)
	body := `{"userId":"ann","messageId":"1","traits":{"a":"` + long + `","` + long + `":1,"b":` + deep + `,"c":[` + strings.Repeat("9", 129) + `],"d":1}}`
	require.Equal(t, 200, a.send(t, http.MethodPost, "/v1/identify", body, "X-Write-Key", "x:"+key).status)
	require.Equal(t, []string{"user ann: set a, set  1, set b, set c, set d 1"}, a.traits(t))
	many := make([]string, traits.MaxSteps+10)
	for i := range many {
		many[i] = fmt.Sprintf(`"p%d":1`, i)
	}
	body = `{"userId":"ben","messageId":"2","traits":{` + strings.Join(many, ",") + `}}`
	require.Equal(t, 200, a.send(t, http.MethodPost, "/v1/identify", body, "X-Write-Key", "x:"+key).status)
	all := a.traits(t)
	require.Len(t, strings.Split(all[1], ", "), traits.MaxSteps)
	body = `{"userId":"ann","groupId":"` + strings.Repeat("x", 201) + `","messageId":"3","traits":{"a":1}}`
	require.Equal(t, 200, a.send(t, http.MethodPost, "/v1/group", body, "X-Write-Key", "x:"+key).status)
	require.Len(t, a.traits(t), 2)
}

// An event that goes into the quarantine changes nothing until it is accepted, and then
// once.
func TestTraitsOfQuarantinedEvents(t *testing.T) {
	t.Parallel()
	a := newAPI(t, defaultLimits, func(cfg *Config) { cfg.Intake.Names.EventTypes = 1 })
	key := a.key(t, auth.ScopeIngest)
	body := `{"api_key":"` + key + `","batch":[
		{"event":"one","distinct_id":"ann","$set":{"a":1},"uuid":"018f0000-0000-7000-8000-000000000001"},
		{"event":"two","distinct_id":"ann","$set":{"a":2},"uuid":"018f0000-0000-7000-8000-000000000002"},
		{"event":"$set","distinct_id":"ann","$set":{"a":3},"uuid":"018f0000-0000-7000-8000-000000000003"}]}`
	got := a.send(t, http.MethodPost, "/batch", body)
	require.Equal(t, 200, got.status, got.body)
	require.Len(t, a.quarantine(t), 1)
	require.Equal(t, []string{"user ann: set a 1", "user ann: set a 3"}, a.traits(t))
	_, err := a.pool.Exec(t.Context(), "UPDATE analytics.rejected_events SET payload = replace(payload, 'two', 'one')")
	require.NoError(t, err)
	for range 2 {
		require.Equal(t, 200, a.request(t, http.MethodPost, "/api/events/rejected/replay", "", nil))
		require.Equal(t, []string{"user ann: set a 1", "user ann: set a 3", "user ann: set a 2"}, a.traits(t))
	}
}

// The position of changes is behind them, also when they were known.
func TestPositionOfTraits(t *testing.T) {
	t.Parallel()
	a := newAPI(t, defaultLimits)
	key := a.key(t, auth.ScopeIngest)
	send := func(id string) string {
		got := a.send(t, http.MethodPost, "/v1/identify", `{"userId":"ann","messageId":"`+id+`","traits":{"a":1}}`, "X-Write-Key", "x:"+key)
		require.Equal(t, 200, got.status)
		return got.header.Get("X-Position")
	}
	_, err := a.pool.Exec(t.Context(), "SELECT pg_current_xact_id()")
	require.NoError(t, err)
	require.NotEmpty(t, send("1"))
	first, err := a.pool.Exec(t.Context(), "UPDATE analytics.trait_changes SET incarnation = 1")
	require.NoError(t, err)
	require.Equal(t, int64(1), first.RowsAffected())
	second := send("2")
	require.Equal(t, second, send("2"), "what is pending")
}
