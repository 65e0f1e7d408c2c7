package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"eventanalytics/pkg/auth"
	authhttp "eventanalytics/pkg/auth/http"
	"eventanalytics/pkg/platform/build"
	"eventanalytics/pkg/platform/ratelimit"
	"eventanalytics/pkg/platform/server"
	"eventanalytics/services/account/store"
)

const tagSessions = "Sessions"

func (h *handlers) registerSessions(api huma.API) {
	huma.Register(api, authhttp.SameOrigin(ratelimit.Limited(operation(huma.Operation{
		OperationID: "log-in-browser", Method: http.MethodPost, Path: "/api/auth/session",
		Summary: "Log a browser in",
		Description: "Sets the session cookie, which no script can read: __Host-ea_session over TLS, ea_session without. " +
			"It is good for 30 days from its last use, and for 90 at most. The login that the browser had before ends. " +
			"The limits are those of POST /api/auth/token.",
		DefaultStatus: http.StatusNoContent,
	}, tagSessions, http.StatusUnauthorized), ratelimit.ClassLogin)), h.logInBrowser)
	huma.Register(api, authhttp.Optional(own(huma.Operation{
		OperationID: "session", Method: http.MethodGet, Path: "/api/auth/session",
		Summary:     "Show who is logged in, and what a page needs to begin",
		Description: "Without a login, or once it is over, there is no user and there are no projects.",
	}, tagSessions)), h.session)
	huma.Register(api, authhttp.SameOrigin(ratelimit.Limited(operation(huma.Operation{
		OperationID: "log-out-browser", Method: http.MethodDelete, Path: "/api/auth/session",
		Summary:       "Log the browser out",
		Description:   "Ends the login of the cookie and takes the cookie away. Without one there is nothing to end.",
		DefaultStatus: http.StatusNoContent,
	}, tagSessions), ratelimit.ClassAccount)), h.logOutBrowser)

	huma.Register(api, own(huma.Operation{
		OperationID: "list-sessions", Method: http.MethodGet, Path: "/api/auth/sessions",
		Summary:     "List your logins",
		Description: "Those of browsers and those by tokens; the current one first, then the one used last. At most 200.",
	}, tagSessions), h.sessions)
	huma.Register(api, own(huma.Operation{
		OperationID: "end-session", Method: http.MethodDelete, Path: "/api/auth/sessions/{id}",
		Summary:       "End one of your logins",
		Description:   "It stops working within a few seconds.",
		DefaultStatus: http.StatusNoContent,
	}, tagSessions, http.StatusNotFound), h.endSession)
	huma.Register(api, own(huma.Operation{
		OperationID: "end-sessions", Method: http.MethodDelete, Path: "/api/auth/sessions",
		Summary:       "End all your logins",
		Description:   "They stop working within a few seconds. API keys go on working.",
		DefaultStatus: http.StatusNoContent,
	}, tagSessions), h.endSessions)
}

// browser is what the operations on the cookie read of a request.
type browser struct {
	agent, cookie string
}

// Resolve reads it.
func (b *browser) Resolve(ctx huma.Context) []error {
	b.agent, b.cookie = ctx.Header("User-Agent"), authhttp.ReadCookie(ctx)
	return nil
}

type logInInput struct {
	browser
	Body struct {
		Username string `json:"username" minLength:"1" doc:"Name of the user" example:"ann"`
		Password string `json:"password" minLength:"1" format:"password" doc:"Password of the user" example:"seven green lamps"`
	} `nameHint:"BrowserLogin"`
}

type cookieOutput struct {
	SetCookie    string `header:"Set-Cookie" doc:"The session cookie"`
	CacheControl string `header:"Cache-Control"`
}

func setCookie(ctx context.Context, value string) *cookieOutput {
	return &cookieOutput{
		SetCookie:    authhttp.SessionCookie(value, server.RequestFrom(ctx).Secure).String(),
		CacheControl: "no-store",
	}
}

func (h *handlers) logInBrowser(ctx context.Context, in *logInInput) (*cookieOutput, error) {
	var cookie string
	err := h.attempt(ctx, in.Body.Username, func(network string) (err error) {
		cookie, err = h.Sessions.LoginBrowser(ctx, store.Attempt{
			Username: in.Body.Username, Password: in.Body.Password, Network: network, Agent: in.agent,
		})
		return err
	})
	if err == nil && in.cookie != "" {
		err = h.Sessions.LogoutBrowser(ctx, in.cookie)
	}
	if err != nil {
		return nil, err
	}
	return setCookie(ctx, cookie), nil
}

type sessionOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         struct {
		User         *store.User     `json:"user,omitempty" doc:"The user who is logged in; absent without a login"`
		Projects     []store.Project `json:"projects" nullable:"false" doc:"The user's projects, oldest first"`
		Registration string          `json:"registration" enum:"open,closed" doc:"Whether anyone may register"`
		Setup        bool            `json:"setup" doc:"Whether there is no user yet. Where registration is closed, the first one registers with the setup token that the account service logs when it starts"`
		Version      string          `json:"version" doc:"Version of the service"`
	} `nameHint:"SessionState"`
}

func (h *handlers) session(ctx context.Context, _ *struct{}) (*sessionOutput, error) {
	out := &sessionOutput{CacheControl: "no-store"}
	out.Body.Registration, out.Body.Projects = h.cfg.Registration, []store.Project{}
	out.Body.Version, _ = build.Info()
	used, err := h.Sessions.InUse(ctx)
	if err != nil {
		return nil, err
	}
	out.Body.Setup = !used
	p, ok := auth.Caller(ctx)
	if !ok {
		return out, nil
	}
	u, err := h.Sessions.User(ctx, p.UserID)
	if err != nil {
		return nil, err
	}
	out.Body.User = &u
	out.Body.Projects, err = h.Sessions.Projects(ctx, p.UserID)
	return out, err
}

func (h *handlers) logOutBrowser(ctx context.Context, in *browser) (*cookieOutput, error) {
	if in.cookie != "" {
		if err := h.Sessions.LogoutBrowser(ctx, in.cookie); err != nil {
			return nil, err
		}
	}
	return setCookie(ctx, ""), nil
}

func (h *handlers) sessions(ctx context.Context, _ *struct{}) (*list[store.Session], error) {
	p := auth.From(ctx)
	return listed(h.Sessions.Logins(ctx, p.UserID, p.Family))
}

type endSessionInput struct {
	ID string `path:"id" format:"uuid" doc:"Id of the login"`
}

func (h *handlers) endSession(ctx context.Context, in *endSessionInput) (*struct{}, error) {
	return nil, h.Sessions.EndLogin(ctx, auth.From(ctx).UserID, in.ID)
}

type endSessionsInput struct {
	Others bool `query:"others" doc:"Whether this login stays"`
}

// Resolve refuses a query that huma lets pass.
func (endSessionsInput) Resolve(ctx huma.Context) []error {
	if p := server.CheckQuery(ctx); p != nil {
		return []error{p}
	}
	return nil
}

func (h *handlers) endSessions(ctx context.Context, in *endSessionsInput) (*struct{}, error) {
	p := auth.From(ctx)
	keep := ""
	if in.Others {
		keep = p.Family
	}
	return nil, h.Sessions.EndLogins(ctx, p.UserID, keep)
}
