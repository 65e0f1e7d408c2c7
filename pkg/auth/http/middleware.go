// Package authhttp is the HTTP side of package auth: the middleware that finds
// the caller of an operation, and the operations that ask for one.
package authhttp

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/platform/problem"
	"eventanalytics/pkg/platform/server"
)

// Middleware lets a request to a Secured operation through when its caller may
// do it, and puts the caller into its context. Other operations pass. It must
// be in use before operations are registered.
func Middleware(a *auth.Authenticator) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		scope, secured := ctx.Operation().Metadata[scopeKey].(auth.Scope)
		if !secured {
			next(ctx)
			return
		}
		c, err := readCredential(ctx)
		if err != nil {
			server.Refuse(ctx, err)
			return
		}
		p, err := a.Authenticate(ctx.Context(), c, scope)
		if err != nil {
			server.Refuse(ctx, err)
			return
		}
		r := server.RequestFrom(ctx.Context())
		r.UserID, r.ProjectID = p.UserID, p.ProjectID
		again := func(ctx context.Context) error { _, err := a.Authenticate(ctx, c, scope); return err }
		next(huma.WithContext(ctx, auth.WithCheck(auth.With(ctx.Context(), p), again)))
	}
}

// readCredential reads what says who is calling, about which project. Each header may
// come once: of two, a gateway and a service might believe different ones.
func readCredential(ctx huma.Context) (auth.Credential, error) {
	var authorization, key, project []string
	ctx.EachHeader(func(name, value string) {
		switch http.CanonicalHeaderKey(name) {
		case "Authorization":
			authorization = append(authorization, value)
		case "X-Api-Key":
			key = append(key, value)
		case projectHeader:
			project = append(project, value)
		}
	})
	if len(authorization)+len(key) > 1 {
		return auth.Credential{}, problem.New(http.StatusBadRequest, "ambiguous-credentials", "send one credential: one Authorization or one X-API-Key header")
	}
	if len(authorization)+len(key) == 0 {
		return auth.Credential{}, auth.Unauthorized("send an access token or an API key as Authorization: Bearer …, or an API key as X-API-Key")
	}
	var c auth.Credential
	if len(key) == 1 {
		c = auth.Credential{Value: key[0], OnlyKey: true}
	} else {
		scheme, value, _ := strings.Cut(authorization[0], " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return auth.Credential{}, auth.Unauthorized("the Authorization header must have the scheme Bearer")
		}
		c.Value = strings.TrimSpace(value)
	}
	var err error
	c.Project, err = readProject(ctx, project)
	return c, err
}
