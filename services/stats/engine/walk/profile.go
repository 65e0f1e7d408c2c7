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
	// Find returns where the event with an id is; found is false where there is none.
	Find(ctx context.Context, id uuid.UUID) (at engine.RowPlace, found bool, err error)
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
	var places []engine.RowPlace
	err := e.places(ctx, e.plan(ctx, engine.Scope{}, p), who{q.UserID, q.Keys}, nil, func(at engine.RowPlace) error {
		if len(places) == maxPlaces {
			return engine.ErrUnsupported
		}
		places = append(places, at)
		return nil
	})
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

// Timeline serves a scan: it reads no other events than it returns.
func (e *Engine) Timeline(ctx context.Context, t engine.Timeline) ([]engine.Event, error) {
	s := e.plan(ctx, t.Scope, engine.Always())
	var f *filter
	err := e.ready(func() (err error) { f, err = s.filter(ctx, t.Filter); return err })
	if err != nil {
		return nil, err
	}
	if e.events == nil {
		return nil, engine.ErrUnsupported
	}
	var after engine.RowPlace
	reached := t.After == nil
	if !reached {
		var found bool
		if after, found, err = e.events.Find(ctx, *t.After); err != nil || !found {
			return nil, err
		}
	}
	var places []engine.RowPlace // those before it, of which the last are wanted
	err = e.places(ctx, s, who{t.UserID, t.Keys}, f, func(at engine.RowPlace) error {
		switch {
		case t.After == nil || !reached && (at.File != after.File || at.Row != after.Row):
			if len(places) == 2*t.Limit {
				places = places[:copy(places, places[t.Limit:])]
			}
			places = append(places, at)
		default:
			reached = true
		}
		return nil
	})
	if err != nil || !reached || len(places) == 0 {
		return nil, err
	}
	slices.Reverse(places)
	return e.events.Events(ctx, places[:min(t.Limit, len(places))])
}

// who is a user that is asked about: by their id, or as a person of several keys.
type who struct {
	userID string
	keys   []uint32
}

// keyOf returns the key that the events of a user have in the view.
func (e *Engine) keyOf(ctx context.Context, user who) (key uint32, ok bool, err error) {
	if len(user.keys) > 0 {
		return user.keys[0], true, nil
	}
	if key, ok, err = e.names.Key(ctx, e.project, user.userID); err != nil {
		return 0, false, fmt.Errorf("%w: %w", engine.ErrUnsupported, err)
	}
	return key, ok && key != math.MaxUint32, nil
}

// places calls each with where the events of a user are that pass a filter, which may be
// nil, in the order of events.
func (e *Engine) places(ctx context.Context, p *plan, user who, f *filter, each func(engine.RowPlace) error) error {
	if e.names == nil {
		return engine.ErrUnsupported
	}
	key, ok, err := e.keyOf(ctx, user)
	if err != nil || !ok {
		return err
	}
	sent := user.userID // with each event
	if len(user.keys) > 0 {
		sent = "" // one of several
	}
	return e.do(ctx, func(ctx context.Context) error {
		return p.walk(ctx, func(r *reader) visitor {
			return func(_ uint32, events []walk.Event) error {
				for i := range events {
					event := &events[i]
					if f != nil && !f.pass(r, event) {
						continue
					}
					at := engine.RowPlace{File: int(event.File), Row: p.files[event.File].Row(event.At), Us: event.Us, Type: e.view.Types()[event.Type], UserID: sent}
					if err := each(at); err != nil {
						return err
					}
				}
				return nil
			}
		}, walk.OfUsers(key, key+1))
	})
}
