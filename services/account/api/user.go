package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/platform/ratelimit"
	"eventanalytics/services/account/store"
)

type registerInput struct {
	Body struct {
		Username string  `json:"username" minLength:"1" maxLength:"150" doc:"Name to log in with; upper and lower case are the same. Letters of one script, no invisible characters, and not to be mistaken for the name of another user" example:"ann"`
		Password string  `json:"password" doc:"8 to 256 bytes; none of the commonest passwords, not the user name or e-mail address, and more than spaces" example:"seven green lamps"`
		Email    *string `json:"email,omitempty" nullable:"true" doc:"E-mail address" example:"ann@example.com"`
		FullName *string `json:"full_name,omitempty" nullable:"true" doc:"Full name" example:"Ann Example"`
		Invite   string  `json:"invite,omitempty" maxLength:"100" doc:"Secret of an invite to a project: the new user becomes a member of it, also where registration is closed"`
		Setup    string  `json:"setup_token,omitempty" maxLength:"100" doc:"Makes the first user where registration is closed: the account service logs it when it starts and there is none. Of no use later"`
	} `nameHint:"Registration"`
}

type userOutput struct {
	Body store.User
}

func (h *handlers) registerUser(api huma.API) {
	aliased(ratelimit.Limited(operation(huma.Operation{
		OperationID:   "register",
		Method:        http.MethodPost,
		Path:          "/api/auth/register",
		Summary:       "Make an account",
		Description:   "Makes a user and a project of their own. A name that is taken, or looks like one that is, is answered with 409. Where registration is closed the answer is 403, except for the first user with the setup token, and for those with the secret of an invite.",
		DefaultStatus: http.StatusCreated,
	}, tagAccounts, http.StatusForbidden, http.StatusConflict), ratelimit.ClassRegister),
		func(op huma.Operation) { huma.Register(api, op, h.register) },
		"/register", "/api/stats/register")

	aliased(own(huma.Operation{
		OperationID: "me",
		Method:      http.MethodGet,
		Path:        "/api/auth/me",
		Summary:     "Show the user who is logged in",
	}, tagAccounts),
		func(op huma.Operation) { huma.Register(api, op, h.me) },
		"/api/stats/users/me")

	huma.Register(api, own(huma.Operation{
		OperationID:   "change-password",
		Method:        http.MethodPost,
		Path:          "/api/auth/password",
		Summary:       "Change the password",
		Description:   "All other logins of the user end. A wrong old password is answered with 401 and counts as a failed login.",
		DefaultStatus: http.StatusNoContent,
	}, tagAccounts), h.changePassword)
}

func (h *handlers) register(ctx context.Context, in *registerInput) (*userOutput, error) {
	n := store.NewUser{Username: in.Body.Username, Password: in.Body.Password}
	if in.Body.Email != nil {
		n.Email = *in.Body.Email
	}
	if in.Body.FullName != nil {
		n.FullName = *in.Body.FullName
	}
	var u store.User
	var err error
	switch {
	case in.Body.Invite != "":
		u, err = h.Sessions.CreateInvitedUser(ctx, n, in.Body.Invite)
	case h.cfg.Registration == "open":
		u, err = h.Sessions.CreateUser(ctx, n)
	default:
		u, err = h.Sessions.CreateFirstUser(ctx, n, in.Body.Setup)
	}
	if err != nil {
		return nil, err
	}
	return &userOutput{Body: u}, nil
}

func (h *handlers) me(ctx context.Context, _ *struct{}) (*userOutput, error) {
	u, err := h.Sessions.User(ctx, auth.From(ctx).UserID)
	if err != nil {
		return nil, err
	}
	return &userOutput{Body: u}, nil
}

type passwordInput struct {
	Body struct {
		Old string `json:"old_password" doc:"The password up to now"`
		New string `json:"new_password" doc:"8 to 256 bytes; none of the commonest passwords, not the user name or e-mail address, and more than spaces"`
	} `nameHint:"PasswordChange"`
}

func (h *handlers) changePassword(ctx context.Context, in *passwordInput) (*struct{}, error) {
	p := auth.From(ctx)
	u, err := h.Sessions.User(ctx, p.UserID)
	if err != nil {
		return nil, err
	}
	return nil, h.attempt(ctx, u.Username, func(network string) error {
		return h.Sessions.ChangePassword(ctx, p.UserID, p.Family, network, in.Body.Old, in.Body.New)
	})
}
