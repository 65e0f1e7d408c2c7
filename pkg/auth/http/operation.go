package authhttp

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/platform/server"
)

const scopeKey = "auth.scope"

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
		map[string][]string{server.BearerScheme: {}})
	op.Errors = append(op.Errors, http.StatusUnauthorized, http.StatusForbidden)
	if scope == auth.ScopeAccount {
		return op
	}
	op.Security = append(op.Security, map[string][]string{server.APIKeyScheme: {}})
	op.Errors = append(op.Errors, http.StatusNotFound)
	op.Parameters = append(op.Parameters, projectParams()...)
	return op
}
