package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"eventanalytics/pkg/auth"
	"eventanalytics/services/account/store"
)

func (h *handlers) registerInvitations(api huma.API) {
	const forbidden, missing = http.StatusForbidden, http.StatusNotFound
	huma.Register(api, own(huma.Operation{
		OperationID: "list-invitations", Method: http.MethodGet, Path: "/api/projects/{id}/invitations",
		Summary:     "List the open invitations to a project",
		Description: "For owners. An invitation is open for 30 days, as long as the user who made it owns the project.",
	}, tagProjects, forbidden, missing), h.invitations)
	huma.Register(api, own(huma.Operation{
		OperationID: "withdraw-invitation", Method: http.MethodDelete, Path: "/api/projects/{id}/invitations/{user_id}",
		Summary:       "Withdraw an invitation to a project",
		Description:   "For owners.",
		DefaultStatus: http.StatusNoContent,
	}, tagProjects, forbidden, missing), h.withdraw)
	huma.Register(api, own(huma.Operation{
		OperationID: "received-invitations", Method: http.MethodGet, Path: "/api/invitations",
		Summary: "List the invitations you have received",
	}, tagProjects), h.received)
	huma.Register(api, own(huma.Operation{
		OperationID: "accept-invitation", Method: http.MethodPost, Path: "/api/invitations/{id}/accept",
		Summary: "Accept an invitation to a project",
	}, tagProjects, missing), h.accept)
	huma.Register(api, own(huma.Operation{
		OperationID: "decline-invitation", Method: http.MethodDelete, Path: "/api/invitations/{id}",
		Summary:       "Decline an invitation to a project",
		DefaultStatus: http.StatusNoContent,
	}, tagProjects, missing), h.decline)
}

func (h *handlers) invitations(ctx context.Context, in *InProject) (*list[store.Invitation], error) {
	return listed(h.Sessions.Invitations(ctx, in.ID, auth.From(ctx).UserID))
}

type withdrawInput struct {
	InProject
	UserID int64 `path:"user_id" minimum:"1" doc:"Id of the user who was invited"`
}

func (h *handlers) withdraw(ctx context.Context, in *withdrawInput) (*struct{}, error) {
	return nil, h.Sessions.WithdrawInvitation(ctx, in.ID, auth.From(ctx).UserID, in.UserID)
}

func (h *handlers) received(ctx context.Context, _ *struct{}) (*list[store.ReceivedInvitation], error) {
	return listed(h.Sessions.ReceivedInvitations(ctx, auth.From(ctx).UserID))
}

func (h *handlers) accept(ctx context.Context, in *InProject) (*projectOutput, error) {
	p, err := h.Sessions.AcceptInvitation(ctx, in.ID, auth.From(ctx).UserID)
	if err != nil {
		return nil, err
	}
	return &projectOutput{Body: p}, nil
}

func (h *handlers) decline(ctx context.Context, in *InProject) (*struct{}, error) {
	return nil, h.Sessions.DeclineInvitation(ctx, in.ID, auth.From(ctx).UserID)
}
