package api

import (
	"context"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/platform/problem"
	"eventanalytics/pkg/platform/ratelimit"
	"eventanalytics/services/account/naming"
	"eventanalytics/services/account/store"
)

type grantOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         store.Grant
}

func granted(g store.Grant, err error) (*grantOutput, error) {
	if err != nil {
		return nil, err
	}
	return &grantOutput{CacheControl: "no-store", Body: g}, nil
}

func (h *handlers) registerLogin(api huma.API) {
	schema := api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[tokenRequest](), true, "TokenRequest")
	aliased(ratelimit.Limited(operation(huma.Operation{
		OperationID: "token",
		Method:      http.MethodPost,
		Path:        "/api/auth/token",
		Summary:     "Log in, or refresh a login",
		Description: "OAuth2 with grant_type password (the default) or refresh_token, as a form or as JSON. " +
			"After too many failed logins to an account from one address, or from many, the answer is 429, whatever the password. " +
			"Failures from elsewhere do not hold up an address that logged in to the account lately.",
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			formType: {Schema: schema},
			jsonType: {Schema: schema},
		}},
		// A form is not JSON: tokenInput checks both.
		SkipValidateBody: true,
	}, tagAccounts, http.StatusUnauthorized), ratelimit.ClassLogin),
		func(op huma.Operation) { huma.Register(api, op, h.token) },
		"/token", "/api/stats/token")

	huma.Register(api, ratelimit.Limited(operation(huma.Operation{
		OperationID: "refresh",
		Method:      http.MethodPost,
		Path:        "/api/auth/refresh",
		Summary:     "Exchange a refresh token for a new pair",
		Description: "Each refresh token is good for one new pair. Within a few seconds (REFRESH_GRACE) another use is answered with the same pair, " +
			"as long as that pair's refresh token is unused: two tabs may refresh at once, and an answer may get lost. " +
			"Any other second use means that the token was stolen: the whole login ends.",
	}, tagAccounts, http.StatusUnauthorized), ratelimit.ClassLogin), h.refresh)

	huma.Register(api, own(huma.Operation{
		OperationID:   "logout",
		Method:        http.MethodPost,
		Path:          "/api/auth/logout",
		Summary:       "End this login",
		Description:   "Its refresh token ends at once, its access tokens within a few seconds.",
		DefaultStatus: http.StatusNoContent,
	}, tagAccounts), h.logout)
}

func (h *handlers) token(ctx context.Context, in *tokenInput) (*grantOutput, error) {
	r := in.request
	switch r.GrantType {
	case "", "password":
		for _, field := range []struct{ name, value string }{{"username", r.Username}, {"password", r.Password}} {
			if field.value == "" {
				return nil, problem.Invalid("missing-field", field.name, "is required")
			}
		}
		var grant store.Grant
		err := h.attempt(ctx, r.Username, func(network string) (err error) {
			grant, err = h.Sessions.Login(ctx, store.Attempt{Username: r.Username, Password: r.Password, Network: network, Agent: in.agent})
			return err
		})
		return granted(grant, err)
	case "refresh_token":
		if r.RefreshToken == "" {
			return nil, problem.Invalid("missing-field", "refresh_token", "is required")
		}
		return granted(h.Sessions.Refresh(ctx, r.RefreshToken))
	}
	return nil, problem.Invalid("invalid-field", "grant_type", "must be password or refresh_token")
}

// attempt runs verify, which checks a password of the user, within the limits on
// failures.
func (h *handlers) attempt(ctx context.Context, username string, verify func(network string) error) error {
	network := ratelimit.Network(ctx)
	return h.Limiter.Attempt(ctx, ratelimit.Login{
		Account: naming.Key(username),
		Known:   func(ctx context.Context) (bool, error) { return h.Sessions.Known(ctx, username, network) },
		Failed:  store.ErrCredentials,
	}, func() error { return verify(network) })
}

type refreshInput struct {
	Body struct {
		RefreshToken string `json:"refresh_token" doc:"As the last login or refresh gave it"`
	} `nameHint:"RefreshRequest"`
}

func (h *handlers) refresh(ctx context.Context, in *refreshInput) (*grantOutput, error) {
	return granted(h.Sessions.Refresh(ctx, in.Body.RefreshToken))
}

func (h *handlers) logout(ctx context.Context, _ *struct{}) (*struct{}, error) {
	return nil, h.Sessions.Logout(ctx, auth.From(ctx).Family)
}
