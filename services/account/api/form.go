package api

import (
	"errors"
	"mime"
	"net/http"
	"net/url"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"eventanalytics/pkg/platform/problem"
)

const (
	formType = "application/x-www-form-urlencoded"
	jsonType = "application/json"
)

// tokenRequest is a login or a refresh. OAuth2 clients also send scope and the
// client's id and secret, which choose nothing here.
type tokenRequest struct {
	GrantType    string `json:"grant_type,omitempty" enum:"password,refresh_token" default:"password" doc:"What is given for the tokens"`
	Username     string `json:"username,omitempty" doc:"With grant_type password"`
	Password     string `json:"password,omitempty" format:"password" doc:"With grant_type password"`
	RefreshToken string `json:"refresh_token,omitempty" doc:"With grant_type refresh_token"`
	Scope        string `json:"scope,omitempty" doc:"Ignored"`
	ClientID     string `json:"client_id,omitempty" doc:"Ignored"`
	ClientSecret string `json:"client_secret,omitempty" doc:"Ignored"`
}

// tokenInput reads a tokenRequest from a form or from JSON.
type tokenInput struct {
	RawBody []byte
	request tokenRequest
	agent   string // what the client calls itself
}

var _ huma.Resolver = (*tokenInput)(nil)

// Resolve reads the body as its Content-Type says; without one it is JSON.
func (in *tokenInput) Resolve(ctx huma.Context) []error {
	in.agent = ctx.Header("User-Agent")
	err := in.read(ctx.Header("Content-Type"))
	if err != nil {
		return []error{err}
	}
	return nil
}

func (in *tokenInput) read(contentType string) error {
	mediaType := jsonType
	if contentType != "" {
		// A malformed type is an unknown one.
		mediaType, _, _ = mime.ParseMediaType(contentType)
	}
	switch mediaType {
	case jsonType:
		return in.readJSON()
	case formType:
		return in.readForm()
	}
	return problem.New(http.StatusUnsupportedMediaType, "unsupported-media-type", "Content-Type must be "+formType+" or "+jsonType)
}

func (in *tokenInput) readJSON() error {
	err := jsonv2.Unmarshal(in.RawBody, &in.request, jsonv2.RejectUnknownMembers(true))
	var wrong *jsonv2.SemanticError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &wrong):
		return problem.New(http.StatusBadRequest, "malformed-json", err.Error())
	case errors.Is(err, jsonv2.ErrUnknownName):
		return problem.Invalid("unknown-field", fieldAt(wrong.JSONPointer), "is not a field of this request")
	case wrong.JSONPointer == "":
		return problem.Invalid("invalid-field", "body", "must be a JSON object")
	}
	return problem.Invalid("invalid-field", fieldAt(wrong.JSONPointer), "must be a string")
}

func fieldAt(p jsontext.Pointer) string { return p.LastToken() }

// readForm ignores unknown parameters and refuses repeated ones, as RFC 6749
// (3.2) asks.
func (in *tokenInput) readForm() error {
	form, err := url.ParseQuery(string(in.RawBody))
	if err != nil {
		return problem.New(http.StatusBadRequest, "malformed-form", "the form is not properly encoded")
	}
	for name, values := range form {
		if len(values) > 1 {
			return problem.New(http.StatusBadRequest, "malformed-form", name+": is there more than once")
		}
		if !utf8.ValidString(values[0]) {
			return problem.New(http.StatusBadRequest, "malformed-form", name+": must be UTF-8")
		}
	}
	in.request = tokenRequest{
		GrantType: form.Get("grant_type"),
		Username:  form.Get("username"), Password: form.Get("password"),
		RefreshToken: form.Get("refresh_token"),
	}
	return nil
}
