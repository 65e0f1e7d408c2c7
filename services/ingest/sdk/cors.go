package sdk

import (
	"net/http"
	"net/url"
	"slices"

	"eventanalytics/pkg/auth"
)

// allowOrigin lets the page that sends a request read its answer, errors as well: without
// these headers an SDK sees a dead connection. The origin is echoed: browsers refuse * for
// requests with credentials, as Snowplow's are.
func (s *Service) allowOrigin(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if origin == "" || len(s.cfg.CORSOrigins) > 0 && !slices.Contains(s.cfg.CORSOrigins, origin) {
		return
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Credentials", "true")
	h.Set("Access-Control-Expose-Headers", "X-Position, Retry-After, X-Request-Id")
}

// preflight answers the question a browser asks before a request.
func (s *Service) preflight(w http.ResponseWriter, r *http.Request) {
	s.allowOrigin(w, r)
	h := w.Header()
	h.Set("Allow", "GET, POST, OPTIONS")
	if h.Get("Access-Control-Allow-Origin") != "" {
		h.Add("Vary", "Access-Control-Request-Headers")
		h.Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
		h.Set("Access-Control-Max-Age", "86400")
		if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
			h.Set("Access-Control-Allow-Headers", asked)
		}
		if r.Header.Get("Access-Control-Request-Private-Network") == "true" {
			h.Set("Access-Control-Allow-Private-Network", "true")
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// mayUse refuses a key in a page of an origin that it is not for. Requests for images have
// no Origin, but a Referer.
func mayUse(p auth.Principal, r *http.Request) error {
	if len(p.Origins) == 0 {
		return nil
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		if page, err := url.Parse(r.Header.Get("Referer")); err == nil && page.Host != "" {
			origin = page.Scheme + "://" + page.Host
		}
	}
	if !slices.Contains(p.Origins, origin) {
		return &RefusalError{Cause: BadOrigin, Message: "the key is not for pages of this origin"}
	}
	return nil
}
