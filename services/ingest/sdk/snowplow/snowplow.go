// Package snowplow is the tracker protocol of Snowplow.
package snowplow

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"strings"

	"eventanalytics/pkg/identity"
	"eventanalytics/services/ingest/sdk"
	"eventanalytics/services/ingest/sdk/loose"
)

// New is the protocol.
func New() *sdk.Protocol {
	const about = "The key is aid, the app id, or in a header."
	return &sdk.Protocol{
		Name: "snowplow", Decode: decode, ItemKeys: itemKeys,
		Routes: []sdk.Route{
			{
				ID: "snowplow-post", Method: http.MethodPost, Path: "/{vendor}/{path}", Own: ofVendor, Served: "/snowplow/events", Summary: "Snowplow: send events",
				Description: "vendor has a dot, such as com.snowplowanalytics.snowplow; path is tp2 or the tracker's postPath. " + about,
				Keys:        keys, Read: read, Answer: answer, Refuse: refuse,
			},
			{
				ID: "snowplow-get", Method: http.MethodGet, Path: "/i", Summary: "Snowplow: send an event in the address", Description: about,
				Keys: queryKeys, Read: readQuery, Answer: func(w http.ResponseWriter, _ *sdk.Done) { sdk.WritePixel(w, http.StatusOK) }, Refuse: refuse,
			},
		},
	}
}

// ofVendor tells a vendor, which has a dot, from what else has two parts in its path.
func ofVendor(r *http.Request) bool {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	return len(parts) == 2 && strings.Contains(strings.Trim(parts[0], "."), ".")
}

func read(r *sdk.Request) error {
	fields, err := loose.Fields(r.Body, "data")
	if err != nil {
		return err
	}
	data := fields["data"]
	if len(data) == 0 || data[0] != '[' {
		return sdk.Unread("data must be an array of events")
	}
	r.Items = loose.Split(data)
	return nil
}

// keys finds the key of the first event.
func keys(r *sdk.Request) (k sdk.Keys, err error) {
	fields, err := loose.Fields(r.Body, "data")
	if err != nil {
		return k, err
	}
	first, err := loose.First(fields["data"])
	if err != nil {
		return k, nil //nolint:nilerr // read says so
	}
	if event, err := loose.Fields(first, "aid"); err == nil {
		k.AddWeak(event["aid"])
	}
	return k, nil
}

// itemKeys are those of any event.
func itemKeys(m loose.Value) sdk.Keys { return sdk.Keys{Weak: []string{m.Get("aid").Text()}} }

func queryKeys(r *sdk.Request) (k sdk.Keys, err error) {
	if aid := r.Query.Get("aid"); aid != "" {
		k.Weak = []string{aid}
	}
	return k, nil
}

// readQuery makes an item of the query.
func readQuery(r *sdk.Request) error {
	item := loose.Empty()
	for name, values := range r.Query {
		item.Set(loose.Clean(name), loose.Text(loose.Clean(values[len(values)-1])))
	}
	if !item.First("e").Is() {
		return sdk.Unread("e is missing: the type of the event")
	}
	r.Items = sdk.One(item.Canonical(nil))
	return nil
}

// mapped are members of an event with a place of their own; the others are its context.
var mapped = []string{
	"e", "eid", "aid", "uid", "duid", "nuid", "tnuid", "dtm", "ttm", "stm", "url", "tv", "sid",
	"ue_pr", "ue_px", "co", "cx", "se_ca", "se_ac", "se_la", "se_pr", "se_va",
}

func decode(m loose.Value, _ *sdk.Envelope) sdk.Draft {
	d := sdk.Draft{
		Known: m.Get("uid").ID(), ID: m.Get("eid").ID(),
		Time: m.First("dtm"), Sent: m.First("stm"), Volatile: []string{"stm"}, Properties: loose.Empty(),
	}
	if device := m.First("duid", "nuid", "tnuid").ID(); device != "" {
		d.Anonymous = identity.DevicePrefix + device
	}
	d.Identify("", d.Known)
	if device := m.First("duid").ID(); device != "" && d.Known != "" {
		d.Link(identity.DevicePrefix+device, d.Known)
	}
	if m.First("ttm").Is() {
		d.Time, d.Uncorrected = m.First("ttm"), true
	}
	d.Timed = d.Time.Is()
	switch kind := m.Get("e").Text(); kind {
	case "pv":
		d.Type = "$pageview"
	case "pp":
		d.Type = "$pageping"
	case "se":
		d.Type = m.Get("se_ac").ID()
		for _, name := range [][2]string{{"category", "se_ca"}, {"label", "se_la"}, {"property", "se_pr"}, {"value", "se_va"}} {
			d.Envelope(sdk.Member{Name: name[0], Value: m.First(name[1])})
		}
	case "ue":
		event := coded(m, "ue_pr", "ue_px").Get("data")
		d.Type = schemaName(event.Get("schema").Text())
		d.Properties = sdk.Own(event.Get("data"))
	case "tr":
		d.Type = "transaction"
	case "ti":
		d.Type = "transaction_item"
	default:
		d.Type = kind
	}
	d.Envelope(
		sdk.Member{Name: "$contexts", Value: coded(m, "co", "cx").First("data")},
		sdk.Member{Name: "$url", Value: m.First("url")},
		sdk.Member{Name: "$lib", Value: m.First("tv")},
		sdk.Member{Name: "$session_id", Value: m.First("sid")},
		sdk.Member{Name: "$device_id", Value: m.First("duid")},
	)
	if context := m.Without(mapped...); context.Len() > 0 {
		d.Envelope(sdk.Member{Name: "$context", Value: context})
	}
	return d
}

// coded reads a member that is JSON in a text, or base64 of it under another name.
func coded(m loose.Value, plain, base string) loose.Value {
	text := []byte(m.Get(plain).Text())
	if len(text) == 0 {
		coded := strings.NewReplacer("-", "+", "_", "/", " ", "+").Replace(strings.TrimRight(m.Get(base).Text(), "="))
		text, _ = base64.RawStdEncoding.DecodeString(coded) // what is none is no event
	}
	v, err := loose.Parse(bytes.TrimSpace(text))
	if err != nil {
		return loose.Value{}
	}
	return v
}

// schemaName is the name in iglu:vendor/name/format/version.
func schemaName(schema string) string {
	parts := strings.Split(strings.TrimPrefix(schema, "iglu:"), "/")
	if len(parts) < 2 {
		return ""
	}
	return parts[1]
}

func answer(w http.ResponseWriter, _ *sdk.Done) {
	sdk.Write(w, http.StatusOK, "text/plain; charset=utf-8", []byte("ok"))
}

func refuse(w http.ResponseWriter, r *sdk.RefusalError) {
	sdk.Write(w, r.Status(http.StatusTooManyRequests), "text/plain; charset=utf-8", []byte(r.Message))
}
