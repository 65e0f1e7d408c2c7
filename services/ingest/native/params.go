package native

import (
	"cmp"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"unicode/utf8"

	"eventanalytics/pkg/platform/problem"
	"eventanalytics/pkg/platform/server"
)

// params of a request, beside its body.
type params struct {
	atomic bool
	key    string // Idempotency-Key; empty for none
	ndjson bool
}

// maxKeyLength is in code points.
const maxKeyLength = 200

func readParams(r *http.Request) (p params, err error) {
	var wrong []problem.FieldError
	query := r.URL.Query()
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if name != "atomic" && name != "project" { // which the middleware has read
			wrong = append(wrong, problem.FieldError{Field: cmp.Or(name, "query"), Code: "unknown-parameter", Message: "unknown query parameter"})
		}
	}
	if len(wrong) > 0 {
		return p, invalid(wrong)
	}
	if p := server.CheckRawQuery(r.URL.RawQuery); p != nil {
		return params{}, p
	}
	if text := query.Get("atomic"); text != "" {
		if p.atomic, err = strconv.ParseBool(text); err != nil {
			wrong = append(wrong, problem.FieldError{Field: "atomic", Code: "invalid-parameter", Message: "invalid boolean"})
		}
	}
	p.key = r.Header.Get("Idempotency-Key")
	if mistake := server.CheckText(p.key); mistake != "" {
		wrong = append(wrong, problem.FieldError{Field: "Idempotency-Key", Code: "invalid-parameter", Message: mistake})
	} else if utf8.RuneCountInString(p.key) > maxKeyLength {
		wrong = append(wrong, problem.FieldError{Field: "Idempotency-Key", Code: "invalid-parameter", Message: "expected length <= 200"})
	}
	if len(wrong) > 0 {
		return p, invalid(wrong)
	}
	p.ndjson, err = isNDJSON(r.Header.Get("Content-Type"))
	return p, err
}

// invalid refuses a request for its parameters; the first is in the foreground.
func invalid(wrong []problem.FieldError) error {
	p := problem.Invalid(wrong[0].Code, wrong[0].Field, wrong[0].Message)
	p.Errors, p.ErrorsOmitted = listed(wrong, len(wrong))
	return p
}

// isNDJSON tells the two media types apart; a missing one means JSON.
func isNDJSON(contentType string) (bool, error) {
	if contentType == "" {
		return false, nil
	}
	media, _, err := mime.ParseMediaType(contentType)
	if err == nil {
		switch media {
		case "application/json":
			return false, nil
		case "application/x-ndjson":
			return true, nil
		}
	}
	return false, problem.New(http.StatusUnsupportedMediaType, "unsupported-media-type", "Content-Type must be application/json or application/x-ndjson")
}
