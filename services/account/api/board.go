package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"eventanalytics/pkg/auth"
	"eventanalytics/services/account/store"
)

func (h *handlers) registerBoards(api huma.API) {
	const forbidden, missing, conflict, changed = http.StatusForbidden, http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed
	const all, one = "/api/projects/{id}/boards", "/api/projects/{id}/boards/{board}"
	huma.Register(api, own(huma.Operation{
		OperationID: "list-boards", Method: http.MethodGet, Path: all, Summary: "List the boards of a project",
	}, tagProjects, missing), h.boards)
	huma.Register(api, own(huma.Operation{
		OperationID: "create-board", Method: http.MethodPost, Path: all, Summary: "Make a board",
		Description: "For owners and editors. A board has up to 50 tiles: questions with the form in which their answers are shown, or texts.", DefaultStatus: http.StatusCreated,
	}, tagProjects, forbidden, missing, conflict), h.createBoard)
	huma.Register(api, own(huma.Operation{
		OperationID: "board", Method: http.MethodGet, Path: one, Summary: "A board",
	}, tagProjects, missing), h.board)
	huma.Register(api, own(huma.Operation{
		OperationID: "set-board", Method: http.MethodPut, Path: one, Summary: "Replace a board",
		Description: "For owners and editors. With If-Match the board must have that ETag, so that nobody's changes are lost.",
	}, tagProjects, forbidden, missing, conflict, changed), h.setBoard)
	huma.Register(api, own(huma.Operation{
		OperationID: "delete-board", Method: http.MethodDelete, Path: one, Summary: "Delete a board",
		Description: "For owners and editors.", DefaultStatus: http.StatusNoContent,
	}, tagProjects, forbidden, missing, changed), h.deleteBoard)
}

// OnBoard is embedded in the input of operations on one board.
type OnBoard struct {
	InProject
	Board int64 `path:"board" minimum:"1" doc:"Id of the board"`
}

type boardOutput struct {
	ETag string `header:"ETag"`
	Body store.Board
}

func shownBoard(b store.Board, err error) (*boardOutput, error) {
	if err != nil {
		return nil, preconditioned(err)
	}
	return &boardOutput{ETag: etagOf(b.Version), Body: b}, nil
}

func (h *handlers) boards(ctx context.Context, in *InProject) (*list[store.BoardSummary], error) {
	return listed(h.Sessions.Boards(ctx, in.ID, auth.From(ctx).UserID))
}

func (h *handlers) createBoard(ctx context.Context, in *struct {
	InProject
	Body store.BoardChange
}) (*boardOutput, error) {
	return shownBoard(h.Sessions.CreateBoard(ctx, in.ID, auth.From(ctx).UserID, in.Body))
}

func (h *handlers) board(ctx context.Context, in *OnBoard) (*boardOutput, error) {
	return shownBoard(h.Sessions.Board(ctx, in.ID, auth.From(ctx).UserID, in.Board))
}

func (h *handlers) setBoard(ctx context.Context, in *struct {
	OnBoard
	Matching
	Body store.BoardChange
}) (*boardOutput, error) {
	version, err := in.version()
	if err != nil {
		return nil, err
	}
	return shownBoard(h.Sessions.SetBoard(ctx, in.ID, auth.From(ctx).UserID, in.Board, version, in.Body))
}

func (h *handlers) deleteBoard(ctx context.Context, in *struct {
	OnBoard
	Matching
}) (*struct{}, error) {
	version, err := in.version()
	if err != nil {
		return nil, err
	}
	return nil, preconditioned(h.Sessions.DeleteBoard(ctx, in.ID, auth.From(ctx).UserID, in.Board, version))
}
