// Package native is the service's own protocol: POST /api/events.
package native

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"time"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/event"
	"eventanalytics/pkg/platform/problem"
	"eventanalytics/pkg/platform/server"
	"eventanalytics/services/ingest/intake"
)

// Register adds the protocol's operation to srv, whose middleware must be in use.
func Register(srv *server.Server, in *intake.Intake) {
	h := handler{intake: in}
	srv.Handle(operation(srv.API.OpenAPI().Components.Schemas), h.post)
}

type handler struct{ intake *intake.Intake }

func (h handler) post(w http.ResponseWriter, r *http.Request) error {
	start := time.Now()
	p, err := readParams(r)
	if err != nil {
		return err
	}
	answer, replayed, err := h.answer(r, p, start)
	if err != nil {
		return asProblem(err)
	}
	contentType := "application/json"
	if answer.Status >= http.StatusBadRequest { // a refusal that is kept
		contentType = problem.ContentType
	}
	w.Header().Set("Content-Type", contentType)
	if replayed {
		w.Header().Set("Idempotency-Replayed", "true")
	}
	w.WriteHeader(answer.Status)
	_, _ = w.Write(answer.Body) // the client may have gone
	return nil
}

// answer takes in what a request holds.
func (h handler) answer(r *http.Request, p params, start time.Time) (answer intake.Answer, replayed bool, err error) {
	caller := auth.From(r.Context())
	body, err := h.intake.Open(caller, r.Body, r.ContentLength, r.Header.Values("Content-Encoding"))
	if err != nil {
		return answer, false, err
	}
	defer body.Close()
	if p.key != "" {
		body.Hash()
	}
	batch, err := event.Decode(body, p.ndjson, h.intake.Limits())
	var refusal *event.RequestError
	if err != nil && (!errors.As(err, &refusal) || refusal.Malformed) {
		return answer, false, err
	}
	if batch != nil {
		if err := body.Holds(len(batch.Events), 0); err != nil {
			return answer, false, err
		}
	}
	options := intake.Options{Atomic: p.atomic}
	if p.key != "" {
		digest, err := body.Digest()
		if err != nil {
			return answer, false, err
		}
		options.Once = &intake.Once{
			Key: p.key, Request: requestDigest(digest, p.atomic),
			Render: func(result intake.Result, refusal error) (intake.Answer, error) {
				if refusal != nil {
					return refused(r.Context(), refusal)
				}
				return accepted(caller, result, start)
			},
		}
	}
	var result intake.Result
	if refusal != nil {
		result, err = h.intake.Refuse(r.Context(), caller, refusal, options.Once)
	} else {
		result, err = h.intake.Accept(r.Context(), caller, batch, options)
	}
	switch {
	case err != nil:
		return answer, false, err
	case result.Kept != nil:
		return result.Kept.Answer, result.Kept.Replayed, nil
	}
	answer, err = accepted(caller, result, start)
	return answer, false, err
}

// requestDigest identifies a request under its idempotency key. Digests are kept
// for a day: it may not change from one version to the next.
func requestDigest(body []byte, atomic bool) []byte {
	h := sha256.New()
	h.Write(body)
	fmt.Fprint(h, " atomic=", atomic)
	return h.Sum(nil)
}
