// Package cloudevents is the HTTP binding of CloudEvents 1.0.
package cloudevents

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"eventanalytics/pkg/platform/problem"
	"eventanalytics/pkg/platform/server"
	"eventanalytics/services/ingest/sdk"
	"eventanalytics/services/ingest/sdk/loose"
)

// New is the protocol.
func New() *sdk.Protocol {
	return &sdk.Protocol{
		Name: "cloudevents", Decode: decode,
		Routes: []sdk.Route{
			{
				ID: "cloudevents", Method: http.MethodPost, Path: "/cloudevents", Summary: "CloudEvents: send events",
				Description: "In binary, structured or batch mode. When one of a batch has a mistake, nothing of it is stored: its senders are programs.",
				Read:        read, Answer: func(w http.ResponseWriter, _ *sdk.Done) { w.WriteHeader(http.StatusAccepted) }, Refuse: refuse, Plain: true,
			},
			{
				ID: "cloudevents-webhook", Method: http.MethodOptions, Path: "/cloudevents", Summary: "CloudEvents: what webhooks ask first",
				Description: "Also answers browsers.", Serve: allow,
			},
		},
	}
}

// allow answers a webhook's question whether it may send here.
func allow(w http.ResponseWriter, r *http.Request) error {
	if origin := r.Header.Get("WebHook-Request-Origin"); origin != "" {
		w.Header().Set("WebHook-Allowed-Origin", origin)
		w.Header().Set("WebHook-Allowed-Rate", "*")
	}
	return nil
}

func read(r *sdk.Request) error {
	media, _, err := mime.ParseMediaType(r.HTTP.Header.Get("Content-Type"))
	if err != nil {
		media = ""
	}
	if strings.HasPrefix(media, "application/cloudevents") {
		body := bytes.TrimSpace(r.Body)
		if len(body) == 0 || strings.HasPrefix(media, "application/cloudevents-batch") != (body[0] == '[') {
			return sdk.Unread("the body is not what its Content-Type says")
		}
		r.Items = loose.Split(body)
	} else {
		r.Items = sdk.One(binary(r, media))
	}
	mistakes, err := check(r.Items)
	if err != nil {
		return err
	}
	if len(mistakes) > 0 {
		return &sdk.RefusalError{Cause: sdk.Unreadable, Message: "an event is no CloudEvent; nothing was stored", Errors: mistakes}
	}
	return nil
}

// binary makes the JSON of an event whose attributes are headers. Data that is too long for
// an event is cut: the event goes into the quarantine.
func binary(r *sdk.Request, media string) []byte {
	event := loose.Empty()
	headers := make([]string, 0, len(r.HTTP.Header))
	for name := range r.HTTP.Header {
		headers = append(headers, name)
	}
	slices.Sort(headers)
	for _, name := range headers {
		attribute, ok := strings.CutPrefix(strings.ToLower(name), "ce-")
		if ok && attribute != "data" && attribute != "data_base64" { // which the body is
			value := r.HTTP.Header.Get(name)
			if plain, err := url.PathUnescape(value); err == nil {
				value = plain
			}
			event.Set(attribute, loose.Text(loose.Clean(value)))
		}
	}
	data, text := r.Body, strings.HasPrefix(media, "text/")
	if len(data) > sdk.MaxItem {
		data, text = data[:sdk.MaxItem], true
	}
	if isJSON := media == "" || media == "application/json" || strings.HasSuffix(media, "+json"); isJSON && !text {
		switch v, err := loose.Parse(data); {
		case err == nil:
			event.Set("data", v)
			return event.Append(nil)
		case errors.Is(err, loose.ErrTooDeep): // for the quarantine
			event.Set("data", loose.Nothing)
			return append(append(bytes.TrimSuffix(event.Append(nil), []byte("null}")), data...), '}')
		}
	}
	switch {
	case len(data) == 0:
	case text:
		event.Set("data", loose.Text(loose.Clean(string(data))))
	default:
		event.Set("data_base64", loose.Text(base64.StdEncoding.EncodeToString(data)))
	}
	return event.Append(nil)
}

// maxMistakes bounds what an answer lists.
const maxMistakes = problem.MaxListed

// check finds the events that lack what the standard requires.
func check(items iter.Seq2[[]byte, error]) (mistakes []sdk.ItemError, err error) {
	i := -1
	add := func(field, message string) {
		if len(mistakes) < maxMistakes {
			mistakes = append(mistakes, sdk.ItemError{Index: i, Field: field, Message: message})
		}
	}
	for raw, err := range items {
		i++
		var fields map[string][]byte
		if err == nil {
			fields, err = loose.Fields(raw, required...)
		}
		if err != nil {
			return nil, err
		}
		for _, name := range required {
			if text := fields[name]; len(text) < len(`"x"`) || text[0] != '"' {
				add(name, "is required")
			}
		}
		if version := loose.Small(fields["specversion"]).Text(); version != "" && version != "1.0" {
			add("specversion", "must be 1.0")
		}
	}
	return mistakes, nil
}

// required are the attributes that an event must have.
var required = []string{"id", "source", "type", "specversion"}

func decode(m loose.Value, _ *sdk.Envelope) sdk.Draft {
	d := sdk.Draft{
		Type: m.Get("type").Text(), Known: m.First("userid", "subject", "source").ID(),
		ID: m.Get("id").Text(), Scoped: true, IDText: m.Get("source").Text() + "\x00" + m.Get("id").Text(),
		Time: m.First("time"), Uncorrected: true,
	}
	d.Identify("", m.First("userid").ID())
	switch data := m.Get("data"); {
	case data.Kind() == loose.Object:
		d.Properties = data.Without()
	case data.Is():
		d.Properties.Set("data", data)
	case m.Get("data_base64").Is():
		d.Properties.Set("data_base64", m.Get("data_base64"))
	}
	context := m.Without("id", "type", "time", "specversion", "data", "data_base64", "userid", "datacontenttype")
	if context.Len() > 0 {
		d.Envelope(sdk.Member{Name: "$context", Value: context})
	}
	return d
}

func refuse(w http.ResponseWriter, r *sdk.RefusalError) {
	code := map[sdk.Cause]string{
		sdk.BadKey: "unauthorized", sdk.BadOrigin: "forbidden", sdk.Unreadable: "malformed-event", sdk.TooLarge: "too-large",
		sdk.SlowDown: "rate-limited", sdk.Away: "unavailable",
	}[r.Cause]
	p := problem.New(r.Status(http.StatusTooManyRequests), code, r.Message)
	p.Instance = server.RequestFrom(r.Request.HTTP.Context()).ID
	for _, e := range r.Errors {
		p.Errors = append(p.Errors, problem.FieldError{Index: &e.Index, Field: e.Field, Code: "missing-field", Message: fmt.Sprint(e.Field, " ", e.Message)})
	}
	text, err := json.Marshal(p)
	if err != nil { // of texts and numbers: it cannot
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	sdk.Write(w, p.Status, problem.ContentType, text)
}
