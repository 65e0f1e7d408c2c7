// Package umami is the protocol of Umami's clients.
package umami

import (
	"net/http"
	"strings"

	"eventanalytics/pkg/traits"
	"eventanalytics/services/ingest/sdk"
	"eventanalytics/services/ingest/sdk/loose"
)

// New is the protocol.
func New() *sdk.Protocol {
	return &sdk.Protocol{
		Name: "umami", Decode: decode, Visitors: true,
		Routes: []sdk.Route{{
			ID: "umami-send", Method: http.MethodPost, Path: "/api/send", Summary: "Umami: send an event",
			Description: "The key is the website. Nothing identifies an event: each arrival counts.",
			Keys:        keys, Read: read, Answer: answer, Refuse: refuse,
		}},
	}
}

func read(r *sdk.Request) error {
	fields, err := loose.Fields(r.Body, "payload")
	if err != nil {
		return err
	}
	if payload := fields["payload"]; len(payload) == 0 || payload[0] != '{' {
		return sdk.Unread("payload must be an object")
	}
	r.Items = sdk.One(r.Body)
	return nil
}

func keys(r *sdk.Request) (k sdk.Keys, err error) {
	fields, err := loose.Fields(r.Body, "payload")
	if err != nil {
		return k, err
	}
	if payload, err := loose.Fields(fields["payload"], "website"); err == nil {
		k.AddWeak(payload["website"])
	}
	return k, nil
}

func decode(m loose.Value, env *sdk.Envelope) sdk.Draft {
	p := m.Get("payload")
	d := sdk.Draft{
		Type: p.First("name").ID(), Known: p.First("id").ID(), Anonymous: env.Visitor,
		Time: p.First("timestamp"), Properties: sdk.Own(p.Get("data")),
	}
	d.Identify("", d.Known)
	if m.Get("type").Text() == "identify" {
		d.Operation = "identify"
		d.Change(sdk.Steps(traits.Set, p.Get("data"))...)
		return d
	}
	if d.Type == "" {
		d.Type = "$pageview"
	}
	d.Envelope(sdk.Member{Name: "$url", Value: p.First("url")})
	if context := p.Without("website", "name", "id", "data", "url", "timestamp"); context.Len() > 0 {
		d.Envelope(sdk.Member{Name: "$context", Value: context})
	}
	return d
}

// answer names the visitor, not anything that is stored.
func answer(w http.ResponseWriter, d *sdk.Done) {
	visitor := strings.TrimPrefix(d.Request.Envelope.Visitor, "v:")
	sdk.WriteJSON(w, http.StatusOK, map[string]string{"cache": visitor, "sessionId": visitor, "visitId": visitor})
}

func refuse(w http.ResponseWriter, r *sdk.RefusalError) {
	status := r.Status(http.StatusServiceUnavailable)
	if r.Cause == sdk.BadKey {
		status = http.StatusBadRequest
	}
	sdk.WriteJSON(w, status, map[string]any{"error": map[string]any{
		"message": r.Message, "code": strings.ReplaceAll(strings.ToLower(http.StatusText(status)), " ", "-"), "status": status,
	}})
}
