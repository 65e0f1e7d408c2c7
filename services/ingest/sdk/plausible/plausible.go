// Package plausible is the protocol of Plausible's tracker.
package plausible

import (
	"net/http"

	"eventanalytics/services/ingest/sdk"
	"eventanalytics/services/ingest/sdk/loose"
)

// New is the protocol.
func New() *sdk.Protocol {
	return &sdk.Protocol{
		Name: "plausible", Decode: decode, Visitors: true,
		Routes: []sdk.Route{{
			ID: "plausible-event", Method: http.MethodPost, Path: "/api/event", Summary: "Plausible: send an event",
			Description: "The key is the domain. Nothing identifies an event: each arrival counts.",
			Keys:        keys, Read: read, Answer: answer, Refuse: refuse,
		}},
	}
}

func read(r *sdk.Request) error {
	r.Items = sdk.One(r.Body)
	return nil
}

func keys(r *sdk.Request) (k sdk.Keys, err error) {
	fields, err := loose.Fields(r.Body, "d", "domain")
	if k.AddWeak(fields["d"]); len(k.Weak) == 0 {
		k.AddWeak(fields["domain"])
	}
	return k, err
}

func decode(m loose.Value, env *sdk.Envelope) sdk.Draft {
	own := m.First("p", "props", "m", "meta")
	if own.Kind() == loose.String { // older trackers send it as text
		if v, err := loose.Parse([]byte(own.Text())); err == nil {
			own = v
		}
	}
	d := sdk.Draft{Type: m.First("n", "name").ID(), Anonymous: env.Visitor, Properties: sdk.Own(own)}
	if d.Type == "pageview" {
		d.Type = "$pageview"
	}
	d.Envelope(
		sdk.Member{Name: "$url", Value: m.First("u", "url")},
		sdk.Member{Name: "$referrer", Value: m.First("r", "referrer")},
		sdk.Member{Name: "$revenue", Value: m.First("$", "revenue")},
		sdk.Member{Name: "$lib_version", Value: m.First("v")},
	)
	if context := m.Without("n", "name", "u", "url", "d", "domain", "r", "referrer", "p", "props", "m", "meta", "$", "revenue", "v"); context.Len() > 0 {
		d.Envelope(sdk.Member{Name: "$context", Value: context})
	}
	return d
}

func answer(w http.ResponseWriter, _ *sdk.Done) {
	sdk.Write(w, http.StatusAccepted, "text/plain; charset=utf-8", []byte("ok"))
}

func refuse(w http.ResponseWriter, r *sdk.RefusalError) {
	status, field := r.Status(http.StatusServiceUnavailable), "request"
	if r.Cause == sdk.BadKey {
		status, field = http.StatusBadRequest, "domain"
	}
	sdk.WriteJSON(w, status, map[string]any{"errors": map[string][]string{field: {r.Message}}})
}
