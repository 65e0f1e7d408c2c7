package sdk

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"

	"eventanalytics/services/ingest/sdk/loose"
)

// WriteJSON writes an answer.
func WriteJSON(w http.ResponseWriter, status int, v any) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil { // of maps and structs of texts: it cannot
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	Write(w, status, "application/json", bytes.TrimRight(text.Bytes(), "\n"))
}

// Write writes an answer of another type.
func Write(w http.ResponseWriter, status int, contentType string, text []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = w.Write(text) // the client may have gone
}

// pixel is a GIF of one transparent point.
var pixel = []byte("GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x01D\x00;")

// WritePixel answers a request for an image.
func WritePixel(w http.ResponseWriter, status int) { Write(w, status, "image/gif", pixel) }

// Envelope fills an event's own properties up with what is said of it around them. Of two
// with the same name, the event's own stays.
func (d *Draft) Envelope(members ...Member) {
	for _, m := range members {
		if m.Value.Is() {
			d.Properties.Add(m.Name, m.Value)
		}
	}
}

// Member of an event's properties.
type Member struct {
	Name  string
	Value loose.Value
}

// Own returns a copy of an object for an event's properties: what is no object has none.
func Own(v loose.Value) loose.Value {
	if v.Kind() != loose.Object {
		return loose.Empty()
	}
	const around = 8 // members that Draft.Envelope adds
	return v.Copy(around)
}

// OrNil returns a text, or none when it is empty.
func OrNil(text string) loose.Value {
	if text == "" {
		return loose.Value{}
	}
	return loose.Text(text)
}
