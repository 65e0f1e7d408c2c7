package stats

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"eventanalytics/pkg/auth"
	authhttp "eventanalytics/pkg/auth/http"
	"eventanalytics/pkg/calendar"
	"eventanalytics/pkg/cohort"
	"eventanalytics/pkg/platform/problem"
	"eventanalytics/pkg/platform/ratelimit"
	"eventanalytics/pkg/platform/server"
	"eventanalytics/services/stats/engine"
	"eventanalytics/services/stats/inflight"
	"eventanalytics/services/stats/question"
)

// freezeInput is the request to make a list of a cohort.
type freezeInput struct {
	ID   int64  `path:"id" minimum:"1" doc:"Id of the project"`
	Name string `path:"name" maxLength:"64" doc:"Name of the cohort: a–z, 0–9, _ and -, of which the first is a letter or digit" example:"paying"`
	Body question.FreezeParams
}

// Resolve refuses a query that huma lets pass.
func (*freezeInput) Resolve(ctx huma.Context) []error {
	if p := server.CheckQuery(ctx); p != nil {
		return []error{p}
	}
	return nil
}

type freezeOutput struct {
	ETag string `header:"ETag"`
	Body cohort.Cohort
}

// registerFreeze adds the one route on cohorts that needs events; the account service has
// the others.
func (s *Service) registerFreeze(api huma.API) {
	op := huma.Operation{
		OperationID: "freeze-cohort", Method: http.MethodPost, Path: "/api/projects/{id}/cohorts/{name}/freeze",
		Summary: "Make a list of the users that a cohort has",
		Description: "For owners and editors. The list has the users with an event by the end of the day as_of who are in the cohort as of then, and stays as it is; " +
			"attempts at funnels may have begun at any time before. A list is copied. It is refused when there is a cohort of the name to, and when the cohort changes while its users are found.",
		Tags:          []string{"Projects"},
		DefaultStatus: http.StatusCreated, MaxBodyBytes: inflight.RequestBytes,
		Errors: []int{
			http.StatusBadRequest, http.StatusNotFound, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType,
			http.StatusUnprocessableEntity, http.StatusServiceUnavailable,
		},
	}
	huma.Register(api, ratelimit.Limited(authhttp.Secured(op, auth.ScopeAccount), ratelimit.ClassStats), func(ctx context.Context, in *freezeInput) (*freezeOutput, error) {
		made, err := s.freeze(ctx, in)
		if err != nil {
			s.countRefusal(err)
			return nil, asProblem(ctx, question.Definition{}, err)
		}
		return &freezeOutput{`"` + strconv.FormatInt(made.Version, 10) + `"`, made}, nil
	})
}

// freeze makes the list. The caller's right to it is looked at first, and again when it is
// written.
func (s *Service) freeze(ctx context.Context, in *freezeInput) (made cohort.Cohort, err error) {
	pool, user := s.cohorts.pool, auth.From(ctx).UserID
	if err := cohort.MayEdit(ctx, pool, in.ID, user); err != nil {
		return made, err
	}
	if err := cohort.CheckName("to", in.Body.To); err != nil {
		return made, err
	}
	day, zone, err := in.Body.Day(s.now())
	if err != nil {
		return made, err
	}
	known, err := cohort.Read(ctx, pool, in.ID)
	if err != nil {
		return made, err
	}
	of, exists := known[in.Name]
	if !exists {
		return made, cohort.ErrNone
	}
	if _, exists := known[in.Body.To]; exists {
		return made, cohort.ErrExists
	}
	select {
	case s.freezing <- struct{}{}:
		defer func() { <-s.freezing }()
	default:
		return made, problem.Unavailable("busy", "another cohort is being frozen; try again", 2*time.Second, nil)
	}
	f := cohort.Frozen{Of: in.Name, Key: of.Key, To: in.Body.To, Text: fmt.Sprintf("%s as of %s in %s", in.Name, day, zone)}
	reading, cancel := context.WithTimeout(ctx, listTime)
	defer cancel()
	if of.IsList {
		f.List, err = cohort.Copy(reading, pool, of)
	} else {
		f.List, err = s.members(reading, in, known, zone, day)
	}
	if err != nil {
		return made, err
	}
	return cohort.Freeze(ctx, pool, in.ID, user, f)
}

// members makes a list of a cohort's users at the end of a day.
func (s *Service) members(ctx context.Context, in *freezeInput, known cohort.All, zone *calendar.Zone, day calendar.Date) (list cohort.List, err error) {
	done, err := s.inFlight.Request(in.ID)
	if err != nil {
		return list, err
	}
	defer done()
	snapshot, err := s.snapshot(ctx, in.ID, in.Body.Output())
	if err != nil {
		return list, err
	}
	hold := s.inFlight.Hold(in.ID)
	defer hold.Done(0)
	ctx = engine.WithMeter(ctx, hold)
	data := dataOf(snapshot, in.ID)
	users, err := s.asking(snapshot, in.ID, s.now(), data, s.cohorts.named(in.ID, known, data, snapshot.Persons(in.ID))).Members(ctx, in.Name, zone, day)
	if err != nil {
		return list, err
	}
	if err := cohort.CheckSize(users.GetCardinality()); err != nil {
		return list, err
	}
	return cohort.ListOf(ctx, s.cohorts.pool, in.ID, users.ToArray())
}
