package authhttp

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/platform/problem"
	"eventanalytics/pkg/platform/server"
)

// Names of the session cookie. Browsers take one with the prefix __Host- only over TLS,
// for the whole host and for no other; without TLS they would not take it.
const (
	secureCookie = "__Host-ea_session"
	plainCookie  = "ea_session"
)

// SessionCookie is the cookie that logs a browser in, or with an empty value out. No
// script can read it, and browsers send it only with requests of pages of the same site.
func SessionCookie(value string, secure bool) *http.Cookie {
	c := &http.Cookie{
		Name: plainCookie, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode,
		MaxAge: int(auth.SessionLifetime.Seconds()),
	}
	if secure {
		c.Name, c.Secure = secureCookie, true
	}
	if value == "" {
		c.MaxAge = -1
	}
	return c
}

// ReadCookie returns the session cookie's value, or "" when there is none, or more than
// one: somebody has put another beside it.
func ReadCookie(ctx huma.Context) string {
	name := plainCookie
	// Over TLS the plain name counts for nothing: who changes the traffic of http:// can
	// set it for https:// as well.
	if server.RequestFrom(ctx.Context()).Secure {
		name = secureCookie
	}
	found := server.HTTPRequest(ctx).CookiesNamed(name)
	if len(found) != 1 {
		return ""
	}
	return found[0].Value
}

// sameOrigin refuses requests that browsers send for pages of other origins. Without it,
// any page at all could act as the user who looks at it, if the browser sent the cookie.
func sameOrigin(ctx huma.Context) error {
	if err := new(http.CrossOriginProtection).Check(server.HTTPRequest(ctx)); err != nil {
		return problem.New(http.StatusForbidden, "cross-origin", "a page of another origin cannot do this with a browser's login")
	}
	return nil
}
