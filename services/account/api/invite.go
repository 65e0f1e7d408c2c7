package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"eventanalytics/pkg/auth"
	"eventanalytics/services/account/store"
)

func (h *handlers) registerInvites(api huma.API) {
	const forbidden, missing, conflict = http.StatusForbidden, http.StatusNotFound, http.StatusConflict
	const all = "/api/projects/{id}/invites"
	huma.Register(api, own(huma.Operation{
		OperationID: "list-invites", Method: http.MethodGet, Path: all, Summary: "List the open invites to a project",
		Description: "For owners; without the secrets. Invites are links for whoever has one; invitations are for a user who has an account.",
	}, tagProjects, forbidden, missing), h.invites)
	huma.Register(api, own(huma.Operation{
		OperationID: "create-invite", Method: http.MethodPost, Path: all, Summary: "Make a link that invites to a project",
		Description: "For owners. Whoever has the secret becomes a member, once: POST /api/invites/accept, or signs up with it as invite, also where registration is closed. " +
			"It counts as long as the user who made it owns the project. The secret is in this answer only.",
		DefaultStatus: http.StatusCreated,
	}, tagProjects, forbidden, missing, conflict), h.createInvite)
	huma.Register(api, own(huma.Operation{
		OperationID: "revoke-invite", Method: http.MethodDelete, Path: all + "/{invite}", Summary: "Revoke an invite",
		Description: "For owners.", DefaultStatus: http.StatusNoContent,
	}, tagProjects, forbidden, missing), h.revokeInvite)
	huma.Register(api, own(huma.Operation{
		OperationID: "accept-invite", Method: http.MethodPost, Path: "/api/invites/accept", Summary: "Join a project by the secret of an invite",
		Description: "A secret that was used, has expired or was revoked is answered with 422, as one that never was; a member with 409.",
	}, tagProjects, conflict), h.acceptInvite)
}

func (h *handlers) invites(ctx context.Context, in *InProject) (*list[store.Invite], error) {
	return listed(h.Sessions.Invites(ctx, in.ID, auth.From(ctx).UserID))
}

type inviteOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         store.NewInvite
}

func (h *handlers) createInvite(ctx context.Context, in *struct {
	InProject
	Body struct {
		Role auth.Role `json:"role" enum:"owner,editor,viewer" doc:"owner: everything; editor: post and read; viewer: read"`
		Days int       `json:"days,omitempty" default:"7" minimum:"1" maximum:"30" doc:"For how many days it can be accepted"`
	} `nameHint:"InviteOptions"`
}) (*inviteOutput, error) {
	made, err := h.Sessions.CreateInvite(ctx, in.ID, auth.From(ctx).UserID, in.Body.Role, in.Body.Days)
	if err != nil {
		return nil, err
	}
	return &inviteOutput{"no-store", made}, nil
}

func (h *handlers) revokeInvite(ctx context.Context, in *struct {
	InProject
	Invite int64 `path:"invite" minimum:"1" doc:"Id of the invite"`
}) (*struct{}, error) {
	return nil, h.Sessions.RevokeInvite(ctx, in.ID, auth.From(ctx).UserID, in.Invite)
}

func (h *handlers) acceptInvite(ctx context.Context, in *struct {
	Body struct {
		Secret string `json:"secret" minLength:"1" maxLength:"100" doc:"Secret of the invite"`
	} `nameHint:"AcceptedInvite"`
}) (*projectOutput, error) {
	p, err := h.Sessions.AcceptInvite(ctx, auth.From(ctx).UserID, in.Body.Secret)
	if err != nil {
		return nil, err
	}
	return &projectOutput{Body: p}, nil
}
