package preset_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"eventanalytics/cmd/import_events/mapping"
	"eventanalytics/cmd/import_events/preset"
	"eventanalytics/cmd/import_events/source"
	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/event"
	"eventanalytics/pkg/eventid"
)

// stored is an event as the service would store it, or what became of a row instead.
type stored struct {
	id, at, user, name, properties string
	skipped                        bool
	column, code                   string // of a row that is rejected
}

const project = 7

// sdk is the id that the route of an SDK derives.
func sdk(protocol string, parts ...string) string {
	return eventid.Of(project).Derive(protocol, eventid.KindID, strings.Join(parts, "\x00")).String()
}

// read reads a file by a preset, through the decoder of the service.
func read(t *testing.T, name, file, content string, zone *calendar.Zone) []stored {
	t.Helper()
	return readAs(t, name, "", file, content, zone)
}

// readAs gives all events one type, unless that is empty.
func readAs(t *testing.T, name, always, file, content string, zone *calendar.Zone) []stored {
	t.Helper()
	p, err := preset.Find(name)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), file)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	m := p.Mapping(preset.Import{Space: eventid.Of(project), Zone: zone})
	m.Numbers, m.Always = mapping.RefuseNumbers, always
	s, err := source.Open([]string{path}, source.Options{Fallback: p.Format, Columns: p.Columns, Dialect: p.Dialect, Check: m.Check})
	require.NoError(t, err)
	in := mapping.Reader{Source: s, Converter: m}
	defer in.Close()
	var all []stored
	for {
		r, err := in.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		switch {
		case r.Fault != nil:
			all = append(all, stored{column: r.Fault.Column, code: r.Fault.Code})
		case r.Skipped:
			all = append(all, stored{skipped: true})
		default:
			all = append(all, decode(t, r.Event))
		}
	}
}

func decode(t *testing.T, raw []byte) stored {
	t.Helper()
	b, err := event.Decode(bytes.NewReader(raw), false, event.Limits{MaxEvents: 1, NotAfter: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)})
	require.NoError(t, err)
	require.Empty(t, b.Invalid, "%s", raw)
	e := b.Events[0]
	return stored{e.ID.String(), time.UnixMicro(e.OccurredAt).UTC().Format(time.RFC3339Nano), e.UserID, e.Type, e.Properties, false, "", ""}
}

func same(t *testing.T, want, got []stored) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		if want[i].id == "" && !want[i].skipped && want[i].code == "" {
			require.NotEmpty(t, got[i].id)
			want[i].id = got[i].id // derived of the whole row
		}
		if want[i].properties != "" {
			require.JSONEq(t, want[i].properties, got[i].properties)
			got[i].properties = want[i].properties
		}
		require.Equal(t, want[i], got[i])
	}
}

func packed(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return b.String()
}

const uuidSent = "25a4b866-040b-466f-945c-148e4720f511"

func TestAmplitude(t *testing.T) {
	t.Parallel()
	lines := `{"$insert_id":"` + strings.ToUpper(uuidSent) + `","uuid":"11111111-1111-1111-1111-111111111111","event_type":"Order placed","user_id":"ann","device_id":"d1","event_time":"2025-08-01 10:00:00.123000","client_event_time":"2025-08-01 09:00:00","event_properties":{"price":9.50,"[Amplitude] Page URL":"https://a.example/x"},"user_properties":{"plan":"pro"},"groups":{"org":["acme"]},"session_id":1754000000000,"library":"amplitude-ts/2.0","ip_address":"192.0.2.1","country":"Ukraine","city":null,"app":1}
{"$insert_id":"abc","event_type":"view","user_id":null,"device_id":"d1","event_time":"2025-08-01 10:00:01","event_properties":{}}
{"$insert_id":null,"uuid":"22222222-2222-2222-2222-222222222222","event_type":"view","user_id":42,"event_time":"2025-08-01 10:00:02"}
{"$insert_id":"abc","event_type":"view","user_id":"ann","device_id":"d2","event_time":"2025-08-01 10:00:02"}
{"$insert_id":"abc","event_type":"view","user_id":"ann","event_time":"2025-08-01 10:00:02"}
{"$insert_id":"x","event_type":"$identify","user_id":"ann","event_time":"2025-08-01 10:00:03"}
{"$insert_id":"y","event_type":"view","event_time":"2025-08-01 10:00:03"}
`
	same(t, []stored{
		{
			id: uuidSent, at: "2025-08-01T10:00:00.123Z", user: "ann", name: "Order placed",
			properties: `{"price":9.50,"[Amplitude] Page URL":"https://a.example/x","$user_properties":{"plan":"pro"},"$groups":{"org":["acme"]},"$session_id":1754000000000,
				"$device_id":"d1","$lib":"amplitude-ts/2.0","$url":"https://a.example/x","$context":{"country":"Ukraine"}}`,
		},
		{id: sdk("amplitude", "d1", "abc"), at: "2025-08-01T10:00:01Z", user: "$device:d1", name: "view", properties: `{"$device_id":"d1"}`},
		{id: "22222222-2222-2222-2222-222222222222", at: "2025-08-01T10:00:02Z", user: "42", name: "view"},
		{id: sdk("amplitude", "d2", "abc"), at: "2025-08-01T10:00:02Z", user: "ann", name: "view", properties: `{"$device_id":"d2"}`},
		{id: sdk("amplitude", "ann", "abc"), at: "2025-08-01T10:00:02Z", user: "ann", name: "view"},
		{skipped: true},
		{column: "user_id or device_id", code: "missing-field"},
	}, read(t, "amplitude", "1_2025-08-01_10#1.json.gz", packed(t, lines), nil))
}

func TestMixpanel(t *testing.T) {
	t.Parallel()
	lines := `{"event":"$mp_web_page_view","properties":{"time":1795944058533,"distinct_id":"ann","$distinct_id_before_identity":"$device:d1","$insert_id":"c50ofa1b6yjo94f2","$device_id":"d1","$user_id":"ann","$current_url":"https://a.example/","mp_lib":"web","$ip":"192.0.2.1","n":1}}
{"event":"view","properties":{"time":1795944058,"distinct_id":7,"$insert_id":"c50ofa1b6yjo94f3"}}
{"event":"view","properties":{"time":1795944058000,"distinct_id":"7","$insert_id":"c50ofa1b6yjo94f3"}}
{"event":"view","properties":{"time":1795944058,"distinct_id":"ann"}}
{"event":"view","properties":{"time":1795944058,"distinct_id":"ann"}}
{"event":"$create_alias","properties":{"time":1795944058,"distinct_id":"ann"}}
{"event":"view","properties":{"time":"soon","distinct_id":"ann"}}
`
	got := read(t, "mixpanel", "export.jsonl", lines, nil)
	second := sdk("mixpanel", "view", "7", "1795944058", "c50ofa1b6yjo94f3")
	same(t, []stored{
		{
			id: sdk("mixpanel", "$mp_web_page_view", "$device:d1", "1795944058.533", "c50ofa1b6yjo94f2"), at: "2026-11-29T09:20:58.533Z", user: "ann", name: "$pageview",
			properties: `{"time":1795944058533,"$distinct_id_before_identity":"$device:d1","$insert_id":"c50ofa1b6yjo94f2","$device_id":"d1","$user_id":"ann","$current_url":"https://a.example/","mp_lib":"web","n":1,"$lib":"web","$url":"https://a.example/"}`,
		},
		{id: second, at: "2026-11-29T09:20:58Z", user: "7", name: "view", properties: `{"time":1795944058,"$insert_id":"c50ofa1b6yjo94f3"}`},
		{id: second, at: "2026-11-29T09:20:58Z", user: "7", name: "view", properties: `{"time":1795944058000,"$insert_id":"c50ofa1b6yjo94f3"}`},
		{at: "2026-11-29T09:20:58Z", user: "ann", name: "view", properties: `{"time":1795944058}`},
		{at: "2026-11-29T09:20:58Z", user: "ann", name: "view", properties: `{"time":1795944058}`},
		{skipped: true},
		{column: "properties.time", code: "invalid-timestamp"},
	}, got)
	require.NotEqual(t, got[3].id, got[4].id, "two equal events are two")

	// A project from before 2023 counts seconds as if its local time were UTC; ids are of
	// the time that the SDK sent.
	kyiv, err := calendar.Load("Europe/Kyiv")
	require.NoError(t, err)
	local := read(t, "mixpanel", "export.jsonl", `{"event":"view","properties":{"time":1795951258,"distinct_id":"7","$insert_id":"c50ofa1b6yjo94f3"}}`, kyiv)
	require.Equal(t, "2026-11-29T09:20:58Z", local[0].at)
	require.Equal(t, second, local[0].id)
}

func TestPostHog(t *testing.T) {
	t.Parallel()
	properties := `{"$current_url":"https://a.example/","$ip":"192.0.2.1","token":"phc","price":2,"$set":{"plan":"pro"}}`
	want := []stored{
		{
			id: uuidSent, at: "2025-08-01T10:00:00.5Z", user: "ann", name: "Order placed",
			properties: `{"$current_url":"https://a.example/","price":2,"$set":{"plan":"pro"},"$url":"https://a.example/","$context":{"person_id":"p1","person_properties":{"plan":"pro"}}}`,
		},
		{skipped: true},
	}
	line := func(name string) string {
		return `{"uuid":"` + uuidSent + `","event":"` + name + `","distinct_id":"ann","timestamp":"2025-08-01T10:00:00.500000+00:00","properties":` + properties + `,"person_id":"p1","person_properties":{"plan":"pro"},"team_id":1}` + "\n"
	}
	same(t, want, read(t, "posthog", "events.jsonl", line("Order placed")+line("$identify"), nil))

	type row struct {
		ID         string    `parquet:"uuid"`
		Name       string    `parquet:"event"`
		User       string    `parquet:"distinct_id"`
		At         time.Time `parquet:"timestamp,timestamp(microsecond)"`
		Properties string    `parquet:"properties"`
		Person     string    `parquet:"person_id"`
		About      string    `parquet:"person_properties"`
		Team       int64     `parquet:"team_id"`
	}
	var file bytes.Buffer
	w := parquet.NewGenericWriter[row](&file)
	at := time.Date(2025, 8, 1, 10, 0, 0, 500_000_000, time.UTC)
	_, err := w.Write([]row{{uuidSent, "Order placed", "ann", at, properties, "p1", `{"plan":"pro"}`, 1}, {uuidSent, "$identify", "ann", at, "{}", "p1", "", 1}})
	require.NoError(t, err)
	require.NoError(t, w.Close())
	same(t, want, read(t, "posthog", "events.parquet", file.String(), nil))
}

func TestRudderStack(t *testing.T) {
	t.Parallel()
	lines := `{"type":"track","messageId":"node-next-1-a","event":"Order placed","userId":"ann","anonymousId":"a1","timestamp":"2025-08-01T10:00:00.5Z","originalTimestamp":"2025-08-01T09:00:00Z","sentAt":"2025-08-01T10:00:01Z","receivedAt":"2025-08-01T10:00:02Z","properties":{"price":2},"context":{"library":{"name":"node","version":"1"},"page":{"url":"https://a.example/"}},"channel":"server"}
{"type":"page","messageId":"` + uuidSent + `","name":"Home","anonymousId":"a1","originalTimestamp":"2025-08-01T09:00:00Z","properties":{"path":"/"}}
{"type":"identify","messageId":"i","userId":"ann","timestamp":"2025-08-01T10:00:00Z"}
{"type":"track","messageId":"j","event":"identify","userId":"ann","timestamp":"2025-08-01T10:00:00Z"}
`
	want := []stored{
		{
			id: sdk("segment", "node-next-1-a"), at: "2025-08-01T10:00:00.5Z", user: "ann", name: "Order placed",
			properties: `{"price":2,"$context":{"library":{"name":"node","version":"1"},"page":{"url":"https://a.example/"}},"$lib":"node","$lib_version":"1","$anonymous_id":"a1","$url":"https://a.example/"}`,
		},
		{id: uuidSent, at: "2025-08-01T09:00:00Z", user: "a1", name: "$pageview", properties: `{"path":"/","name":"Home","$anonymous_id":"a1"}`},
		{skipped: true},
		{id: sdk("segment", "j"), at: "2025-08-01T10:00:00Z", user: "ann", name: "identify"},
	}
	same(t, want, read(t, "rudderstack", "messages.json", lines, nil))
	same(t, want, read(t, "june", "messages.json", lines, nil))

	table := "id,event,event_text,user_id,anonymous_id,timestamp,price,context_library_name,received_at\nnode-next-1-a,order_placed,Order placed,ann,a1,2025-08-01 10:00:00.5 UTC,2,node,2025-08-01 10:00:02 UTC\n"
	same(t, []stored{
		{id: want[0].id, at: want[0].at, user: "ann", name: "Order placed", properties: `{"price":"2","$lib":"node","$anonymous_id":"a1"}`},
	}, read(t, "rudderstack", "tracks.csv", table, nil))
}

func TestGA4(t *testing.T) {
	t.Parallel()
	param := func(key, kind, value string) string {
		return `{"key":"` + key + `","value":{"` + kind + `":` + value + `}}`
	}
	line := func(index, params string) string {
		return `{"event_date":"20250801","event_timestamp":"1754042400123456","event_name":"page_view","user_pseudo_id":"123.456","event_bundle_sequence_id":"9","batch_event_index":"` + index + `","event_params":[` + params + `],"user_properties":[` + param("plan", "string_value", `"pro"`) + `],"device":{"category":"mobile"}}` + "\n"
	}
	params := strings.Join([]string{param("page_location", "string_value", `"https://a.example/"`), param("ga_session_id", "int_value", `"1754000000"`), param("value", "double_value", "1.5")}, ",")
	got := read(t, "ga4", "events.json", line("1", params)+line("2", params)+line("1", params), nil)
	one := stored{
		at: "2025-08-01T10:00:00.123456Z", user: "$device:123.456", name: "$pageview",
		properties: `{"page_location":"https://a.example/","ga_session_id":1754000000,"value":1.5,"$user_properties":{"plan":"pro"},"$session_id":1754000000,"$device_id":"123.456","$url":"https://a.example/","$context":{"device":{"category":"mobile"}}}`,
	}
	same(t, []stored{one, one, one}, got)
	require.NotEqual(t, got[0].id, got[1].id)
	require.Equal(t, got[0].id, got[2].id, "a table that is exported again has the same events")

	// In Parquet each value has all types, and lists are columns.
	type value struct {
		String *string  `parquet:"string_value,optional"`
		Int    *int64   `parquet:"int_value,optional"`
		Double *float64 `parquet:"double_value,optional"`
	}
	type pair struct {
		Key   string `parquet:"key"`
		Value value  `parquet:"value"`
	}
	type table struct {
		Date   string `parquet:"event_date"`
		At     int64  `parquet:"event_timestamp"`
		Name   string `parquet:"event_name"`
		User   string `parquet:"user_pseudo_id"`
		Bundle int64  `parquet:"event_bundle_sequence_id"`
		Index  int64  `parquet:"batch_event_index"`
		Params []pair `parquet:"event_params,list"`
		About  []pair `parquet:"user_properties,list"`
		Device struct {
			Category string `parquet:"category"`
		} `parquet:"device"`
	}
	page, plan, session, half := "https://a.example/", "pro", int64(1754000000), 1.5
	row := table{
		Date: "20250801", At: 1754042400123456, Name: "page_view", User: "123.456", Bundle: 9, Index: 1,
		Params: []pair{{"page_location", value{String: &page}}, {"ga_session_id", value{Int: &session}}, {"value", value{Double: &half}}},
		About:  []pair{{"plan", value{String: &plan}}},
	}
	row.Device.Category = "mobile"
	var file bytes.Buffer
	require.NoError(t, parquet.Write(&file, []table{row}))
	again := read(t, "ga4", "events.parquet", file.String(), nil)
	one.id = got[0].id
	same(t, []stored{one}, again)
}

func TestSnowplow(t *testing.T) {
	t.Parallel()
	p, err := preset.Find("snowplow")
	require.NoError(t, err)
	require.Len(t, p.Columns, 131)
	line := func(values map[string]string) string {
		cells := make([]string, len(p.Columns))
		for i, name := range p.Columns {
			cells[i] = values[name]
			delete(values, name)
		}
		require.Empty(t, values)
		return strings.Join(cells, "\t") + "\n"
	}
	file := line(map[string]string{
		"event_id": uuidSent, "event": "unstruct", "user_id": "ann", "domain_userid": "d1", "derived_tstamp": "2025-08-01 10:00:00.123", "dvce_created_tstamp": "2025-08-01 09:00:00",
		"unstruct_event": `{"schema":"iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0","data":{"schema":"iglu:com.acme/order_placed/jsonschema/1-0-0","data":{"price":2,"text":"a \"b\""}}}`,
		"contexts":       `{"schema":"iglu:x","data":[{"schema":"iglu:y","data":{"a":1}}]}`, "page_url": "https://a.example/", "v_tracker": "js-4", "domain_sessionid": "s1",
		"user_ipaddress": "192.0.2.1", "geo_country": "UA", "app_id": "shop",
	}) + line(map[string]string{
		"event_id": uuidSent, "event": "struct", "domain_userid": "d1", "true_tstamp": "2025-08-01 10:00:01", "se_category": "cart", "se_action": "add", "se_value": "2.5",
	}) + line(map[string]string{
		"event_id": uuidSent, "event": "page_view", "network_userid": "n1", "collector_tstamp": "2025-08-01 10:00:02",
	}) + "too\tfew\n"
	same(t, []stored{
		{
			id: uuidSent, at: "2025-08-01T10:00:00.123Z", user: "ann", name: "order_placed",
			properties: `{"price":2,"text":"a \"b\"","$contexts":[{"schema":"iglu:y","data":{"a":1}}],"$url":"https://a.example/","$lib":"js-4","$session_id":"s1","$device_id":"d1","$context":{"geo_country":"UA","app_id":"shop"}}`,
		},
		{id: uuidSent, at: "2025-08-01T10:00:01Z", user: "$device:d1", name: "add", properties: `{"category":"cart","value":2.5,"$device_id":"d1"}`},
		{id: uuidSent, at: "2025-08-01T10:00:02Z", user: "$device:n1", name: "$pageview"},
		{code: "wrong-field-count"},
	}, read(t, "snowplow", "part-00000", file, nil))
}

func TestPlausible(t *testing.T) {
	t.Parallel()
	line := `{"timestamp":"2025-08-01 10:00:00","name":"pageview","site_id":"1","user_id":"17293822569102704640","session_id":"5","hostname":"a.example","pathname":"/x","referrer":"https://b.example/","country_code":"UA","subdivision1_code":"","meta.key":["author"],"meta.value":["it's"]}` + "\n"
	got := read(t, "plausible", "events_v2.json", line+line+strings.Replace(line, "pageview", "engagement", 1), nil)
	one := stored{
		at: "2025-08-01T10:00:00Z", user: "v:17293822569102704640", name: "$pageview",
		properties: `{"author":"it's","$url":"a.example/x","$referrer":"https://b.example/","$session_id":"5","$context":{"hostname":"a.example","pathname":"/x","country_code":"UA","subdivision1_code":""}}`,
	}
	same(t, []stored{one, one, {skipped: true}}, got)
	require.NotEqual(t, got[0].id, got[1].id, "two equal views are two")
	require.Equal(t, got[:2], read(t, "plausible", "again.json", line+line, nil), "the same views again")

	csv := "timestamp,name,site_id,user_id,session_id,hostname,pathname,country_code,meta.key,meta.value\n" +
		"2025-08-01 10:00:00,Signup,1,17293822569102704640,5,a.example,/x,\"\x00\x00\",\"['author','b']\",\"['it\\'s','2']\"\n"
	same(t, []stored{{
		at: "2025-08-01T10:00:00Z", user: "v:17293822569102704640", name: "Signup",
		properties: `{"author":"it's","b":"2","$url":"a.example/x","$session_id":"5","$context":{"hostname":"a.example","pathname":"/x","country_code":""}}`,
	}}, read(t, "plausible", "events_v2.csv", csv, nil))
}

func TestUmami(t *testing.T) {
	t.Parallel()
	file := "website_id,session_id,visit_id,event_id,hostname,browser,url_path,url_query,referrer_domain,event_type,event_name,distinct_id,created_at\n" +
		"w,s1,v1," + uuidSent + ",a.example,firefox,/x,q=1,b.example,1,,,2025-08-01 10:00:00\n" +
		"w,s1,v1," + uuidSent + ",a.example,firefox,/x,,,2,Signup,ann,2025-08-01 10:00:01\n"
	same(t, []stored{
		{
			id: uuidSent, at: "2025-08-01T10:00:00Z", user: "v:s1", name: "$pageview",
			properties: `{"$url":"a.example/x?q=1","$referrer":"b.example","$session_id":"v1","$context":{"hostname":"a.example","browser":"firefox","url_path":"/x","url_query":"q=1"}}`,
		},
		{
			id: uuidSent, at: "2025-08-01T10:00:01Z", user: "ann", name: "Signup",
			properties: `{"$url":"a.example/x","$session_id":"v1","$context":{"hostname":"a.example","browser":"firefox","url_path":"/x"}}`,
		},
	}, read(t, "umami", "website_event.csv", file, nil))
}

// TestOneTypeForAll: what is no event does not become one by the type of all.
func TestOneTypeForAll(t *testing.T) {
	t.Parallel()
	line := func(name string) string {
		return `{"event":"` + name + `","distinct_id":"u","uuid":"` + uuidSent + `","timestamp":"2025-08-01T10:00:00Z"}` + "\n"
	}
	view := stored{id: uuidSent, at: "2025-08-01T10:00:00Z", user: "u", name: "view"}
	same(t, []stored{view, {skipped: true}}, readAs(t, "posthog", "view", "events.json", line("other")+line("$identify"), nil))

	// A table of RudderStack's warehouse says by its name alone what its rows are.
	pages := "id,user_id,timestamp\n" + uuidSent + ",u,2025-08-01 10:00:00\n"
	view.name = "$pageview"
	same(t, []stored{view}, readAs(t, "rudderstack", "$pageview", "pages.csv", pages, nil))
}

// TestPresetsAreWhole: every preset says what it is of.
func TestPresetsAreWhole(t *testing.T) {
	t.Parallel()
	for _, name := range preset.Names() {
		p, err := preset.Find(name)
		require.NoError(t, err)
		require.NotEmpty(t, p.Export)
		require.Regexp(t, "^https://", p.Source)
		require.NotEmpty(t, p.Format)
	}
	_, err := preset.Find("heap")
	require.ErrorContains(t, err, "--preset")
	require.ErrorContains(t, err, "umami")
}
