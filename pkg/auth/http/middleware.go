// Package authhttp is the HTTP side of package auth: the middleware that finds
// the caller of an operation, and the operations that ask for one.
package authhttp

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/platform/problem"
	"eventanalytics/pkg/platform/server"
	"eventanalytics/pkg/refusal"
)

// Middleware lets a request to a Secured operation through when its caller may
// do it, and puts the caller into its context. Other operations pass. It must
// be in use before operations are registered.
func Middleware(a *auth.Authenticator) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		of := ctx.Operation().Metadata
		if of[originKey] == true {
			if err := sameOrigin(ctx); err != nil {
				server.Refuse(ctx, err)
				return
			}
		}
		scope, secured := of[scopeKey].(auth.Scope)
		if !secured {
			next(ctx)
			return
		}
		ctx.AppendHeader("Vary", "Cookie")
		called, err := identify(ctx, a, scope)
		if err != nil {
			server.Refuse(ctx, err)
			return
		}
		next(huma.WithContext(ctx, called))
	}
}

// identify returns the context with the caller, or as it is if the operation does
// without.
func identify(ctx huma.Context, a *auth.Authenticator, scope auth.Scope) (context.Context, error) {
	optional := ctx.Operation().Metadata[optionalKey] == true
	c, err := readCredential(ctx)
	switch {
	case err != nil:
		return nil, err
	case c.Cookie && c.Value == "" && optional:
		return ctx.Context(), nil
	case c.Cookie && c.Value == "":
		return nil, auth.Unauthorized("send an access token or an API key as Authorization: Bearer …, or an API key as X-API-Key")
	case c.Cookie:
		if err := sameOrigin(ctx); err != nil {
			return nil, err
		}
	}
	p, err := a.Authenticate(ctx.Context(), c, scope)
	var refused *refusal.Error
	if optional && c.Cookie && errors.As(err, &refused) && refused.Kind == refusal.Unauthenticated {
		return ctx.Context(), nil
	}
	if err != nil {
		return nil, err
	}
	r := server.RequestFrom(ctx.Context())
	r.UserID, r.ProjectID = p.UserID, p.ProjectID
	again := func(ctx context.Context) error { _, err := a.Authenticate(ctx, c, scope); return err }
	return auth.WithCheck(auth.With(ctx.Context(), p), again), nil
}

// readCredential reads what says who is calling, about which project. Each header may
// come once: of two, a gateway and a service might believe different ones.
// The cookie counts where there is no other credential: pages that send one mean it.
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
	var c auth.Credential
	switch {
	case len(authorization)+len(key) == 0:
		if c = (auth.Credential{Value: ReadCookie(ctx), Cookie: true}); c.Value == "" {
			return c, nil
		}
	case len(key) == 1:
		c = auth.Credential{Value: key[0], OnlyKey: true}
	default:
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
