package api

import (
	"context"
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"eventanalytics/pkg/auth"
	"eventanalytics/services/account/store"
)

func (h *handlers) registerMembers(api huma.API) {
	const forbidden, missing, conflict = http.StatusForbidden, http.StatusNotFound, http.StatusConflict
	huma.Register(api, own(huma.Operation{
		OperationID: "list-members", Method: http.MethodGet, Path: "/api/projects/{id}/members",
		Summary: "List the members of a project",
	}, tagProjects, missing), h.members)
	membership := api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[store.Membership](), true, "Membership")
	huma.Register(api, own(huma.Operation{
		OperationID: "set-member", Method: http.MethodPost, Path: "/api/projects/{id}/members",
		Summary: "Invite a user or change a member's role",
		Description: "For owners. A member's role changes at once: 200. Any other user is invited, and becomes a member on accepting: 202 with status invited. " +
			"Another invitation takes the place of an open one. The last owner stays one, and so does the user whose own project it is.",
		Responses: map[string]*huma.Response{strconv.Itoa(http.StatusAccepted): {
			Description: "The user is invited", Content: map[string]*huma.MediaType{jsonType: {Schema: membership}},
		}},
	}, tagProjects, forbidden, missing, conflict), h.setMember)
	huma.Register(api, own(huma.Operation{
		OperationID: "remove-member", Method: http.MethodDelete, Path: "/api/projects/{id}/members/{user_id}",
		Summary: "Remove a member, or leave",
		Description: "For owners, and for members who leave. The last owner stays, and so does the user whose own project it is. " +
			"API keys and shares of boards that the member made go on working unless revoke_keys is true, which is for owners.",
		DefaultStatus: http.StatusNoContent,
	}, tagProjects, forbidden, missing, conflict), h.removeMember)
	huma.Register(api, own(huma.Operation{
		OperationID: "transfer-project", Method: http.MethodPost, Path: "/api/projects/{id}/transfer",
		Summary:     "Hand a project over to another member",
		Description: "For owners: the other member becomes owner and you become an editor, in one step. Your own project stays yours.",
	}, tagProjects, forbidden, missing, conflict), h.transfer)
}

func (h *handlers) members(ctx context.Context, in *InProject) (*list[store.Member], error) {
	return listed(h.Sessions.Members(ctx, in.ID, auth.From(ctx).UserID))
}

type setMemberInput struct {
	InProject
	Body struct {
		Username string    `json:"username" minLength:"1" maxLength:"150" doc:"Name of a user" example:"bob"`
		Role     auth.Role `json:"role" enum:"owner,editor,viewer" doc:"owner: everything; editor: post and read; viewer: read"`
	} `nameHint:"NewMember"`
}

type membershipOutput struct {
	Status int
	Body   store.Membership
}

func (h *handlers) setMember(ctx context.Context, in *setMemberInput) (*membershipOutput, error) {
	m, err := h.Sessions.SetMember(ctx, in.ID, auth.From(ctx).UserID, in.Body.Username, in.Body.Role)
	if err != nil {
		return nil, err
	}
	status := http.StatusOK
	if m.Status == store.StatusInvited {
		status = http.StatusAccepted
	}
	return &membershipOutput{Status: status, Body: m}, nil
}

type removeMemberInput struct {
	InProject
	UserID     int64 `path:"user_id" minimum:"1" doc:"Id of the user; your own to leave"`
	RevokeKeys bool  `query:"revoke_keys" doc:"Whether the API keys of the project and the shares of its boards that the member made are revoked"`
}

func (h *handlers) removeMember(ctx context.Context, in *removeMemberInput) (*struct{}, error) {
	return nil, h.Sessions.RemoveMember(ctx, in.ID, auth.From(ctx).UserID, in.UserID, in.RevokeKeys)
}

type transferInput struct {
	InProject
	Body struct {
		Username string `json:"username" minLength:"1" maxLength:"150" doc:"Name of a member" example:"bob"`
	} `nameHint:"Transfer"`
}

type memberOutput struct {
	Body store.Member
}

func (h *handlers) transfer(ctx context.Context, in *transferInput) (*memberOutput, error) {
	m, err := h.Sessions.Transfer(ctx, in.ID, auth.From(ctx).UserID, in.Body.Username)
	if err != nil {
		return nil, err
	}
	return &memberOutput{Body: m}, nil
}
