package stats

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/jackc/pgx/v5/pgxpool"

	"eventanalytics/pkg/auth"
	authhttp "eventanalytics/pkg/auth/http"
	"eventanalytics/pkg/platform/ratelimit"
	"eventanalytics/pkg/platform/server"
	"eventanalytics/pkg/warehouse/replica"
	"eventanalytics/services/stats/question"
)

// Usage is how much a project has.
type Usage struct {
	Events        int64      `json:"events" doc:"Events that can be seen"`
	FirstEventAt  *time.Time `json:"first_event_at" doc:"When the first of them happened; null without events"`
	LastEventAt   *time.Time `json:"last_event_at" doc:"When the last of them happened"`
	Users         int64      `json:"users" doc:"Users who have ever had an event"`
	EventTypes    *int64     `json:"event_types" doc:"Event types that there have ever been; null while those of an earlier release are being counted"`
	Properties    *int64     `json:"properties" doc:"Names of properties that there have ever been, as event_types"`
	Segments      int        `json:"segments" doc:"Files that the events are in"`
	Bytes         int64      `json:"bytes" doc:"What the project takes on disk: the sum of the following. Replaced files, which are deleted after a while, come on top"`
	EventBytes    int64      `json:"event_bytes" doc:"Of the events (Parquet)"`
	RollUpBytes   int64      `json:"rollup_bytes" doc:"Of the sums kept of them"`
	ByUserBytes   int64      `json:"by_user_bytes" doc:"Of the files of events by user"`
	CompleteUntil time.Time  `json:"complete_until" doc:"Every event acknowledged before this instant is counted"`
	Stale         bool       `json:"stale" doc:"There may be newer data that could not be read"`
}

type usageInput struct{ authhttp.ProjectParam }

// Resolve refuses a query that huma lets pass.
func (*usageInput) Resolve(ctx huma.Context) []error {
	if p := server.CheckQuery(ctx); p != nil {
		return []error{p}
	}
	return nil
}

type usageOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         Usage
}

// registerUsage adds the route for what a project takes. It is no question: no event is read
// for it.
func (s *Service) registerUsage(api huma.API) {
	op := huma.Operation{
		OperationID: "usage", Method: http.MethodGet, Path: "/api/stats/usage", Summary: "How much the project has",
		Description: "Events, users, names and bytes on disk, as the list of files has them.",
		Tags:        []string{"Analytics"},
		Errors:      []int{http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusServiceUnavailable},
	}
	huma.Register(api, ratelimit.Limited(authhttp.Secured(op, auth.ScopeRead), ratelimit.ClassStats), func(ctx context.Context, _ *usageInput) (*usageOutput, error) {
		project := auth.From(ctx).ProjectID
		snapshot, err := s.reader.Current()
		if err != nil {
			return nil, asProblem(ctx, question.Definition{}, err)
		}
		u := usageOf(snapshot, project)
		u.Stale = s.reader.Stale()
		if err := u.count(ctx, s.pool, project); err != nil {
			return nil, err
		}
		return &usageOutput{"private, no-cache", u}, nil
	})
}

// usageOf adds up what the manifest says of a project's files.
func usageOf(snapshot *replica.Snapshot, project int64) (u Usage) {
	u.CompleteUntil = snapshot.CompleteUntil.UTC()
	for _, g := range snapshot.Segments(project, time.Time{}, time.Time{}) {
		u.Segments++
		u.Events += g.Events
		u.EventBytes += g.Bytes
		if g.RollUp != nil {
			u.RollUpBytes += g.RollUp.Bytes
		}
		if g.Users != nil {
			u.ByUserBytes += g.Users.Bytes
		}
		first, last := g.MinAt.UTC(), g.MaxAt.UTC()
		if u.FirstEventAt == nil || first.Before(*u.FirstEventAt) {
			u.FirstEventAt = &first
		}
		if u.LastEventAt == nil || last.After(*u.LastEventAt) {
			u.LastEventAt = &last
		}
	}
	u.Bytes = u.EventBytes + u.RollUpBytes + u.ByUserBytes
	return u
}

// A project without a row has no names yet.
const usageSQL = `
SELECT
    coalesce((SELECT next_key FROM analytics.user_key_counters WHERE project_id = p.id), 0),
    CASE WHEN coalesce(n.counted, true) THEN coalesce(n.event_types, 0) END,
    CASE WHEN coalesce(n.counted, true) THEN coalesce(n.properties, 0) END
FROM (VALUES ($1::bigint)) AS p (id)
LEFT JOIN analytics.project_names AS n ON n.project_id = p.id`

// count adds what Postgres keeps count of.
func (u *Usage) count(ctx context.Context, pool *pgxpool.Pool, project int64) error {
	if err := pool.QueryRow(ctx, usageSQL, project).Scan(&u.Users, &u.EventTypes, &u.Properties); err != nil {
		return unread("the numbers of users and names", fmt.Errorf("counting users and names: %w", err))
	}
	return nil
}
