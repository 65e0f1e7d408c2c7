package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/refusal"
	"eventanalytics/services/account/naming"
)

// Annotation is something that happened outside the events, such as a deploy.
type Annotation struct {
	ID        int64     `json:"id" doc:"Id of the annotation"`
	At        string    `json:"at" doc:"When it happened: a local date of whoever looks, or an instant" example:"2025-08-01"`
	Text      string    `json:"text" doc:"What happened, plain text"`
	CreatedAt time.Time `json:"created_at" doc:"When it was made"`
	ChangedBy string    `json:"changed_by" doc:"Name of the user who changed it last"`
}

// AnnotationChange is what an annotation is to be. What is nil stays as it is.
type AnnotationChange struct {
	At, Text *string
}

// Span are the dates on a clock that annotations are wanted of.
type Span struct {
	From, To calendar.Date
	Zone     *calendar.Zone
}

const (
	maxAnnotations = 2000
	maxAnnotation  = 500 // code points
)

const (
	annotationsSQL = `
SELECT a.id, a.day::text, a.instant, a.text, a.created_at, u.username
FROM analytics.annotations AS a JOIN analytics.users AS u ON u.id = a.changed_by
WHERE a.project_id = $1 AND ($2 = 0 OR a.id = $2)
  AND ($3::date IS NULL OR a.day BETWEEN $3 AND $4 OR a.instant >= $5::timestamptz AND a.instant < $6::timestamptz)
ORDER BY coalesce(a.instant, a.day::timestamp AT TIME ZONE 'UTC'), a.id`

	createAnnotationSQL = `
INSERT INTO analytics.annotations (project_id, day, instant, text, changed_by)
SELECT $1, $2::date, $3::timestamptz, $4, $5
WHERE (SELECT count(*) FROM analytics.annotations WHERE project_id = $1) < $6
RETURNING id`

	setAnnotationSQL = `
UPDATE analytics.annotations
SET day = CASE WHEN $7 THEN $3::date ELSE day END, instant = CASE WHEN $7 THEN $4::timestamptz ELSE instant END,
    text = coalesce($5, text), changed_by = $6
WHERE project_id = $1 AND id = $2
RETURNING id`

	deleteAnnotationSQL = `DELETE FROM analytics.annotations WHERE project_id = $1 AND id = $2`
)

var errNoAnnotation = refusal.New(refusal.NotFound, "not-found", "there is no such annotation")

// Annotations lists those of a span, or all for nil, in the order of their time, on behalf
// of a member.
func (s *Store) Annotations(ctx context.Context, project, user int64, span *Span) (all []Annotation, err error) {
	err = s.within(ctx, project, user, toRead, "listing annotations", func(tx pgx.Tx, _ auth.Role) error {
		all, err = annotations(ctx, tx, project, 0, span)
		return err
	})
	return all, err
}

func annotations(ctx context.Context, tx pgx.Tx, project, id int64, span *Span) ([]Annotation, error) {
	var from, to *string
	var since, until *time.Time
	if span != nil {
		first, last := span.From.String(), span.To.String()
		from, to = &first, &last
		begin, end := time.UnixMicro(span.Zone.Midnight(span.From)), time.UnixMicro(span.Zone.Midnight(span.To+1))
		since, until = &begin, &end
	}
	rows, _ := tx.Query(ctx, annotationsSQL, project, id, from, to, since, until)
	all := []Annotation{}
	var a Annotation
	var day *string
	var instant *time.Time
	_, err := pgx.ForEachRow(rows, []any{&a.ID, &day, &instant, &a.Text, &a.CreatedAt, &a.ChangedBy}, func() error {
		if day != nil {
			a.At = *day
		} else {
			a.At = instant.UTC().Format(time.RFC3339Nano)
		}
		all = append(all, a)
		return nil
	})
	return all, err
}

// CreateAnnotation makes an annotation, on behalf of an editor.
func (s *Store) CreateAnnotation(ctx context.Context, project, user int64, at, text string) (a Annotation, err error) {
	day, instant, err := when(at)
	if err == nil {
		err = naming.Text("text", text, maxAnnotation)
	}
	if err != nil {
		return a, err
	}
	err = s.within(ctx, project, user, toEdit, "making an annotation", func(tx pgx.Tx, _ auth.Role) error {
		var id int64
		err := tx.QueryRow(ctx, createAnnotationSQL, project, day, instant, text, user, maxAnnotations).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			return refusal.New(refusal.Conflict, "too-many-annotations", fmt.Sprintf("a project has at most %d annotations; delete some", maxAnnotations))
		}
		if err != nil {
			return err
		}
		a, err = oneAnnotation(ctx, tx, project, id)
		return err
	})
	return a, err
}

func oneAnnotation(ctx context.Context, tx pgx.Tx, project, id int64) (Annotation, error) {
	all, err := annotations(ctx, tx, project, id, nil)
	if err == nil && len(all) == 0 {
		err = errNoAnnotation
	}
	if err != nil {
		return Annotation{}, err
	}
	return all[0], nil
}

// UpdateAnnotation changes an annotation, on behalf of an editor.
func (s *Store) UpdateAnnotation(ctx context.Context, project, user, id int64, change AnnotationChange) (a Annotation, err error) {
	var day *string
	var instant *time.Time
	if change.At != nil {
		if day, instant, err = when(*change.At); err != nil {
			return a, err
		}
	}
	if change.Text != nil {
		if err := naming.Text("text", *change.Text, maxAnnotation); err != nil {
			return a, err
		}
	}
	err = s.within(ctx, project, user, toEdit, "changing an annotation", func(tx pgx.Tx, _ auth.Role) error {
		err := tx.QueryRow(ctx, setAnnotationSQL, project, id, day, instant, change.Text, user, change.At != nil).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			return errNoAnnotation
		}
		if err != nil {
			return err
		}
		a, err = oneAnnotation(ctx, tx, project, id)
		return err
	})
	return a, err
}

// DeleteAnnotation deletes an annotation, on behalf of an editor.
func (s *Store) DeleteAnnotation(ctx context.Context, project, user, id int64) error {
	return s.within(ctx, project, user, toEdit, "deleting an annotation", func(tx pgx.Tx, _ auth.Role) error {
		done, err := tx.Exec(ctx, deleteAnnotationSQL, project, id)
		if err == nil && done.RowsAffected() == 0 {
			err = errNoAnnotation
		}
		return err
	})
}

// when reads a date or an instant, from 1970 to 9999 UTC.
func when(at string) (day *string, instant *time.Time, err error) {
	if date, err := calendar.ParseDate(at); err == nil && at >= "1970" {
		text := date.String()
		return &text, nil, nil
	}
	t, err := time.Parse(time.RFC3339, at)
	t = t.UTC().Truncate(time.Microsecond)
	if err != nil || t.Year() < 1970 || t.Year() > 9999 {
		return nil, nil, refusal.InvalidField("invalid-field", "at", "must be a date, such as 2025-08-01, or an RFC 3339 date-time, from 1970 on")
	}
	return nil, &t, nil
}
