package authhttp

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/platform/server"
)

const (
	scopeKey    = "auth.scope"
	optionalKey = "auth.optional"
	originKey   = "auth.same-origin"
)

// Secured makes an operation ask for a caller with the given scope: the
// middleware enforces it, the OpenAPI document shows it. API keys and the project
// are not shown for account operations, which act on no project.
func Secured(op huma.Operation, scope auth.Scope) huma.Operation {
	if op.Metadata == nil {
		op.Metadata = map[string]any{}
	}
	op.Metadata[scopeKey] = scope
	op.Security = append(op.Security,
		map[string][]string{server.OAuth2Scheme: {}},
		map[string][]string{server.BearerScheme: {}},
		map[string][]string{server.CookieScheme: {}})
	op.Errors = append(op.Errors, http.StatusUnauthorized, http.StatusForbidden)
	if scope == auth.ScopeAccount {
		return op
	}
	op.Security = append(op.Security, map[string][]string{server.APIKeyScheme: {}})
	op.Errors = append(op.Errors, http.StatusNotFound)
	op.Parameters = append(op.Parameters, projectParams()...)
	return op
}

// Optional makes a Secured operation open to requests without a credential, or with the
// cookie of a login that is over: they have no caller. Any other credential must hold.
func Optional(op huma.Operation) huma.Operation {
	op.Metadata[optionalKey] = true
	op.Security = append(op.Security, map[string][]string{})
	return op
}

// SameOrigin makes an operation refuse requests that browsers send for pages of other
// origins, even those without a cookie: it sets one, or takes it away.
func SameOrigin(op huma.Operation) huma.Operation {
	if op.Metadata == nil {
		op.Metadata = map[string]any{}
	}
	op.Metadata[originKey] = true
	op.Errors = append(op.Errors, http.StatusForbidden)
	return op
}
