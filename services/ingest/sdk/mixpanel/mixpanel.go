// Package mixpanel is the protocol of Mixpanel's SDKs.
package mixpanel

import (
	"net/http"
	"strings"

	"eventanalytics/pkg/eventid"
	"eventanalytics/pkg/identity"
	"eventanalytics/pkg/traits"
	"eventanalytics/services/ingest/sdk"
	"eventanalytics/services/ingest/sdk/loose"
)

// New is the protocol.
func New() *sdk.Protocol {
	route := func(id, method, path, summary string) sdk.Route {
		return sdk.Route{
			ID: id, Method: method, Path: path, Summary: "Mixpanel: " + summary,
			Description: "data is JSON or base64 of it, in a form or the query. The key is the token.",
			Keys:        keys, Read: read, Answer: answer, Refuse: refuse,
		}
	}
	// The SDK for Node sends single events and changes of profiles in the address.
	get, post := route("mixpanel-track-get", http.MethodGet, "/track", "send an event in the address"), route("mixpanel-track", http.MethodPost, "/track", "send events")
	post.Description += " A request with the header openpanel-client-id is OpenPanel's."
	post.Claims = func(r *sdk.Request) bool { return r.HTTP.Header.Get("openpanel-client-id") == "" }
	imported := route("mixpanel-import", http.MethodPost, "/import", "import events")
	imported.Answer, imported.Refuse, imported.WantIDs = answerImport, refuseImport, true
	imported.Description = "A JSON array or lines of JSON; or a form, as /track takes it."
	engage := route("mixpanel-engage", http.MethodPost, "/engage", "change users' properties")
	engage.Description += " One with api_key is PostHog's of long ago: 404."
	engage.Own = func(r *http.Request) bool { return r.URL.Query().Get("api_key") == "" }
	engage.Claims = func(r *sdk.Request) bool { // the same for forms and bodies
		fields, err := loose.Fields(r.Body, "api_key")
		return r.Query.Get("api_key") == "" && (err != nil || fields["api_key"] == nil)
	}
	return &sdk.Protocol{
		Name: "mixpanel", Decode: decode, ItemKeys: itemKeys,
		Routes: []sdk.Route{
			post, get, imported,
			engage,
			route("mixpanel-engage-get", http.MethodGet, "/engage", "change a user's properties in the address"),
			route("mixpanel-groups", http.MethodPost, "/groups", "change groups' properties"),
			route("mixpanel-groups-get", http.MethodGet, "/groups", "change a group's properties in the address"),
		},
	}
}

// read finds events, or changes of profiles: the path says which. keys refuses a body that
// is empty.
func read(r *sdk.Request) error {
	if r.Body[0] != '[' && r.Body[0] != '{' {
		return sdk.Unread("data must be a JSON object or array")
	}
	switch strings.Trim(r.HTTP.URL.Path, "/") {
	case "engage":
		r.Envelope.Share("profile", "profile")
	case "groups":
		r.Envelope.Share("profile", "group")
	}
	r.Items = loose.Split(r.Body)
	return nil
}

// keys finds the key of the first event.
func keys(r *sdk.Request) (k sdk.Keys, err error) {
	first, err := loose.First(r.Body)
	if err != nil || len(first) == 0 || first[0] != '{' {
		return k, err
	}
	fields, err := k.Body(first, "$token", "properties")
	if err != nil {
		return k, err
	}
	k.Add(fields["$token"])
	if p, err := loose.Fields(fields["properties"], "token"); err == nil {
		k.Add(p["token"])
	}
	return k, nil
}

// itemKeys are those of any event.
func itemKeys(m loose.Value) sdk.Keys {
	return sdk.Keys{Strong: append(sdk.Named(m, "$token"), m.At("properties", "token").Text())}
}

// profileOperations are the members of a change that say what it does.
var profileOperations = []string{"$set", "$set_once", "$add", "$append", "$prepend", "$union", "$remove", "$unset", "$delete"}

func decode(m loose.Value, env *sdk.Envelope) sdk.Draft {
	if of := env.Shared["profile"]; of != "" {
		return profile(m, of)
	}
	p := m.Get("properties")
	id := p.First("distinct_id").ID()
	d := sdk.Draft{
		Type: m.Get("event").ID(), Known: p.First("$user_id").ID(),
		ID: p.Get("$insert_id").ID(), Timed: p.First("time").Is(), Time: p.First("time"),
		Properties: sdk.Own(p),
	}
	if device := p.First("$device_id").ID(); device != "" {
		d.Anonymous = identity.DevicePrefix + device
	}
	d.Identify(d.Anonymous, d.Known)
	if d.Known == "" {
		d.Known = id
	}
	// The SDK for Node has milliseconds where others have seconds, and so may the export.
	sent := d.Time.ID()
	if at, ok := sdk.ReadTime(d.Time); ok {
		sent = eventid.Seconds(at)
	}
	d.IDText = strings.Join([]string{d.Type, id, sent, d.ID}, "\x00")
	switch d.Type {
	case "$identify", "$create_alias", "$merge":
		d.Operation = d.Type
		both := p.Get("$distinct_ids").Items()
		if d.Known == "" && len(both) > 0 { // of $merge: the first stays
			d.Known = both[0].ID()
		}
		switch {
		case d.Type == "$identify":
			known := p.First("$identified_id", "distinct_id").ID()
			d.Identify(p.First("$anon_distinct_id", "$anon_id").ID(), known)
		case d.Type == "$create_alias":
			d.Merge(p.First("alias").ID(), id)
		case len(both) > 1:
			d.Merge(both[1].ID(), both[0].ID())
		}
		return d
	case "$mp_web_page_view":
		d.Type = "$pageview"
	}
	d.Envelope(
		sdk.Member{Name: "$lib", Value: p.First("mp_lib")},
		sdk.Member{Name: "$url", Value: p.First("$current_url", "current_url_search")},
	)
	return d
}

// profile makes a draft of a change of a user's or group's properties. It has no id, and
// a time only of when it was sent.
func profile(m loose.Value, of string) sdk.Draft {
	d := sdk.Draft{Known: m.First("$user_id", "$distinct_id").ID(), Operation: of}
	if of == "group" {
		d.Known = m.Get("$group_id").ID()
	}
	if device := m.First("$device_id").ID(); device != "" {
		d.Anonymous = identity.DevicePrefix + device
	}
	if of != "group" {
		d.Identify(d.Anonymous, m.First("$user_id").ID())
	}
	for _, name := range profileOperations {
		if m.Get(name).Is() {
			d.Operation = of + " " + name
			break
		}
	}
	if steps := changes(m); of == "group" {
		d.ChangeGroup(m.Get("$group_key").ID(), d.Known, steps...)
	} else {
		d.Change(steps...)
	}
	return d
}

// members of a change that do the same with each property that they have.
var members = map[string]traits.Do{
	"$set": traits.Set, "$set_once": traits.SetOnce, "$add": traits.Add, "$append": traits.Append, "$prepend": traits.Prepend, "$remove": traits.Remove,
}

// changes are what a change of a profile does, in the order as sent.
func changes(m loose.Value) (steps []traits.Step) {
	for name, value := range m.Members() {
		switch do := members[name]; {
		case do != "":
			steps = append(steps, sdk.Steps(do, value)...)
		case name == "$union" && value.Kind() == loose.Object:
			for of, list := range value.Members() {
				steps = append(steps, sdk.Each(traits.Union, of, list)...)
			}
		case name == "$unset":
			steps = append(steps, sdk.Removals(value)...)
		case name == "$delete":
			steps = append(steps, traits.Step{Do: traits.Clear})
		}
	}
	return steps
}

func answer(w http.ResponseWriter, d *sdk.Done) { write(w, http.StatusOK, d.Request, "") }

func refuse(w http.ResponseWriter, r *sdk.RefusalError) {
	write(w, r.Status(http.StatusTooManyRequests), r.Request, r.Message)
}

// write answers in the form that the request asks for.
func write(w http.ResponseWriter, status int, r *sdk.Request, message string) {
	good := 1
	var fault any
	if message != "" {
		good, fault = 0, message
	}
	switch {
	case r.Query.Get("img") == "1":
		sdk.WritePixel(w, status)
	case r.Query.Get("verbose") == "1":
		sdk.WriteJSON(w, status, struct {
			Status int `json:"status"`
			Error  any `json:"error"`
		}{good, fault})
	default:
		sdk.Write(w, status, "text/plain; charset=utf-8", []byte{'0' + byte(good)})
	}
}
