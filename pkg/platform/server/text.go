package server

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v5"

	"eventanalytics/pkg/platform/problem"
)

// CheckText returns what makes text unfit to be a value of anything: Postgres
// refuses invalid UTF-8 and NUL, and nothing that is written with them is meant.
// Empty for text that is fit.
func CheckText(text string) (mistake string) {
	switch {
	case !utf8.ValidString(text):
		return "is not UTF-8"
	case strings.ContainsRune(text, 0):
		return "has a NUL character"
	}
	return ""
}

// CheckValues returns a refusal that names a value unfit to be text, or nil. They
// are the parameters of a query or the fields of a form.
func CheckValues(values url.Values, code string) *problem.Error {
	for name, all := range values {
		if mistake := CheckText(name); mistake != "" {
			return problem.Invalid(code, strings.ReplaceAll(strings.ToValidUTF8(name, "\uFFFD"), "\x00", "\uFFFD"), "the name "+mistake)
		}
		for _, value := range all {
			if mistake := CheckText(value); mistake != "" {
				return problem.Invalid(code, name, mistake)
			}
		}
	}
	return nil
}

// checkText refuses requests whose path or query is not text, to any route but those that
// repair it.
func (s *Server) checkText(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c *echo.Context) error {
		if s.foreign[c.Path()] {
			return next(c)
		}
		address := c.Request().URL
		if mistake := CheckText(address.Path); mistake != "" {
			return problem.New(http.StatusBadRequest, "malformed-request", "the path "+mistake)
		}
		if strings.ContainsRune(address.RawQuery, '%') || !utf8.ValidString(address.RawQuery) {
			// What cannot be decoded is left to the route.
			if p := CheckValues(address.Query(), "invalid-parameter"); p != nil {
				return p
			}
		}
		return next(c)
	}
}
