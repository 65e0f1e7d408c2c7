package walk

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/google/uuid"

	"eventanalytics/pkg/property"
	"eventanalytics/pkg/warehouse/walk"
	"eventanalytics/services/stats/engine"
)

// Events reads events where they are.
type Events interface {
	// Events returns the events in some places, in their order.
	Events(ctx context.Context, at []engine.RowPlace) ([]engine.Event, error)
}

// maxPlaces is how many events of a user are read one by one. To read more takes as long
// as to read all.
const maxPlaces = 5_000

// Profile returns a user, or nil where there is no event.
func (e *Engine) Profile(ctx context.Context, q engine.OneProfile) (*engine.Known, error) {
	p := engine.Always()
	p.To = q.Before
	places, err := e.places(ctx, e.plan(ctx, engine.Scope{}, p), q.UserID, nil)
	if err != nil || len(places) == 0 {
		return nil, err
	}
	user := &engine.Known{
		Profile:    engine.Profile{UserID: q.UserID, First: places[0].Us, Last: places[len(places)-1].Us, Events: int64(len(places))},
		Properties: map[string]string{},
	}
	events, err := e.events.Events(ctx, places)
	if err != nil {
		return nil, err
	}
	for _, event := range events {
		seen := map[string]bool{} // of a key that comes twice in an object, the first counts
		for name, value := range property.Members(event.Properties) {
			if !seen[name] {
				seen[name] = true
				user.Properties[name] = value.JSON()
			}
		}
	}
	return user, nil
}

// Timeline serves a scan.
func (e *Engine) Timeline(ctx context.Context, t engine.Timeline) ([]engine.Event, error) {
	s := e.plan(ctx, t.Scope, engine.Always())
	var f *filter
	err := ready(func() (err error) { f, err = s.filter(ctx, t.Filter); return err })
	if err != nil {
		return nil, err
	}
	places, err := e.places(ctx, s, t.UserID, f)
	if err != nil {
		return nil, err
	}
	slices.Reverse(places)
	if t.After == nil {
		return e.read(ctx, places[:min(t.Limit, len(places))])
	}
	events, err := e.read(ctx, places) // files do not tell which of them it is
	if err != nil {
		return nil, err
	}
	after := slices.IndexFunc(events, func(event engine.Event) bool {
		id, err := uuid.Parse(event.ID)
		return err == nil && id == *t.After
	})
	if after < 0 {
		return nil, nil
	}
	events = events[after+1:]
	return events[:min(t.Limit, len(events))], nil
}

// read returns the events in places, as the result of a scan.
func (e *Engine) read(ctx context.Context, at []engine.RowPlace) ([]engine.Event, error) {
	if len(at) == 0 {
		return nil, nil
	}
	return e.events.Events(ctx, at)
}

// places are where the events of a user are that pass a filter, which may be nil, in the
// order of events.
func (e *Engine) places(ctx context.Context, p *plan, userID string, f *filter) (places []engine.RowPlace, err error) {
	if e.names == nil {
		return nil, engine.ErrUnsupported
	}
	key, ok, err := e.names.Key(ctx, e.project, userID)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", engine.ErrUnsupported, err)
	}
	if !ok || key == math.MaxUint32 {
		return nil, nil
	}
	err = e.do(ctx, func(ctx context.Context) error {
		return p.walk(ctx, func(r *reader) visitor {
			return func(_ uint32, events []walk.Event) error {
				for i := range events {
					event := &events[i]
					if f != nil && !f.pass(r, event) {
						continue
					}
					if len(places) == maxPlaces {
						return engine.ErrUnsupported
					}
					places = append(places, engine.RowPlace{File: int(event.File), Row: p.files[event.File].Row(event.At), Us: event.Us})
				}
				return nil
			}
		}, walk.OfUsers(key, key+1))
	})
	return places, err
}
