package api

import (
	"cmp"
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/platform/problem"
	"eventanalytics/services/account/store"
)

func (h *handlers) registerAnnotations(api huma.API) {
	const forbidden, missing, conflict = http.StatusForbidden, http.StatusNotFound, http.StatusConflict
	const all, one = "/api/projects/{id}/annotations", "/api/projects/{id}/annotations/{annotation}"
	huma.Register(api, own(huma.Operation{
		OperationID: "list-annotations", Method: http.MethodGet, Path: all, Summary: "List the annotations of a project",
		Description: "In the order of their time: all, or those of a range of local dates.",
	}, tagProjects, missing), h.annotations)
	huma.Register(api, own(huma.Operation{
		OperationID: "create-annotation", Method: http.MethodPost, Path: all, Summary: "Make an annotation",
		Description: "For owners and editors. A date or an instant with a text, such as a deploy or a campaign.", DefaultStatus: http.StatusCreated,
	}, tagProjects, forbidden, missing, conflict), h.createAnnotation)
	huma.Register(api, own(huma.Operation{
		OperationID: "update-annotation", Method: http.MethodPatch, Path: one, Summary: "Change an annotation",
		Description: "For owners and editors. What is left out stays as it is.",
	}, tagProjects, forbidden, missing), h.updateAnnotation)
	huma.Register(api, own(huma.Operation{
		OperationID: "delete-annotation", Method: http.MethodDelete, Path: one, Summary: "Delete an annotation",
		Description: "For owners and editors.", DefaultStatus: http.StatusNoContent,
	}, tagProjects, forbidden, missing), h.deleteAnnotation)
}

// OnAnnotation is embedded in the input of operations on one annotation.
type OnAnnotation struct {
	InProject
	Annotation int64 `path:"annotation" minimum:"1" doc:"Id of the annotation"`
}

type annotationsInput struct {
	InProject
	From     string `query:"from" format:"date" doc:"First local date; without it from the first on" example:"2025-08-01"`
	To       string `query:"to" format:"date" doc:"Last local date; without it to the last" example:"2025-08-31"`
	Timezone string `query:"timezone" default:"UTC" minLength:"1" doc:"IANA time zone of the dates of instants" example:"Europe/Kyiv"`
}

// span are the dates asked for, or nil.
func (in *annotationsInput) span() (*store.Span, error) {
	zone, err := calendar.Load(in.Timezone)
	if err != nil {
		return nil, problem.Invalid("invalid-parameter", "timezone", "is not an IANA time zone")
	}
	if in.From == "" && in.To == "" {
		return nil, nil
	}
	from, err := calendar.ParseDate(cmp.Or(in.From, "1970-01-01"))
	if err != nil {
		return nil, problem.Invalid("invalid-parameter", "from", "must be a date, such as 2025-08-01")
	}
	to, err := calendar.ParseDate(cmp.Or(in.To, "9999-12-31"))
	if err != nil {
		return nil, problem.Invalid("invalid-parameter", "to", "must be a date, such as 2025-08-31")
	}
	if from > to {
		return nil, problem.Invalid("invalid-parameter", "to", "is before from")
	}
	return &store.Span{From: from, To: to, Zone: zone}, nil
}

type annotationOutput struct{ Body store.Annotation }

func shownAnnotation(a store.Annotation, err error) (*annotationOutput, error) {
	if err != nil {
		return nil, err
	}
	return &annotationOutput{a}, nil
}

func (h *handlers) annotations(ctx context.Context, in *annotationsInput) (*list[store.Annotation], error) {
	span, err := in.span()
	if err != nil {
		return nil, err
	}
	return listed(h.Sessions.Annotations(ctx, in.ID, auth.From(ctx).UserID, span))
}

func (h *handlers) createAnnotation(ctx context.Context, in *struct {
	InProject
	Body struct {
		At   string `json:"at" minLength:"1" maxLength:"40" doc:"A date or an RFC 3339 date-time" example:"2025-08-01"`
		Text string `json:"text" minLength:"1" maxLength:"500" doc:"What happened, plain text" example:"Version 2 is out"`
	}
}) (*annotationOutput, error) {
	return shownAnnotation(h.Sessions.CreateAnnotation(ctx, in.ID, auth.From(ctx).UserID, in.Body.At, in.Body.Text))
}

func (h *handlers) updateAnnotation(ctx context.Context, in *struct {
	OnAnnotation
	Body struct {
		At   *string `json:"at,omitempty" nullable:"false" minLength:"1" maxLength:"40" doc:"A date or an RFC 3339 date-time" example:"2025-08-01"`
		Text *string `json:"text,omitempty" nullable:"false" minLength:"1" maxLength:"500" doc:"What happened, plain text"`
	}
}) (*annotationOutput, error) {
	change := store.AnnotationChange{At: in.Body.At, Text: in.Body.Text}
	return shownAnnotation(h.Sessions.UpdateAnnotation(ctx, in.ID, auth.From(ctx).UserID, in.Annotation, change))
}

func (h *handlers) deleteAnnotation(ctx context.Context, in *OnAnnotation) (*struct{}, error) {
	return nil, h.Sessions.DeleteAnnotation(ctx, in.ID, auth.From(ctx).UserID, in.Annotation)
}
