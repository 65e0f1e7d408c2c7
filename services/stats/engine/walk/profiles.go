package walk

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"eventanalytics/pkg/warehouse/walk"
	"eventanalytics/services/stats/engine"
)

// Names tells the ids of users, which files by user do not have.
type Names interface {
	// Key returns the key of a user; ok is false where the project has no such user.
	Key(ctx context.Context, project int64, userID string) (key uint32, ok bool, err error)
	// IDs returns the users with some keys, in their order.
	IDs(ctx context.Context, project int64, keys []uint32) ([]string, error)
}

// Named has the engine serve scans whose rows are users or events: names tells who is
// asked about, and events reads what is shown.
func (e *Engine) Named(names Names, events Events) *Engine {
	e.names, e.events = names, events
	return e
}

// maxTied is how many users the ids are read of, to bring those that are equal in an
// order into that of their ids.
const maxTied = 10_000

// profiles looks for users.
type profiles struct {
	*plan
	filter *filter
	line   *timeline // nil: all events before the end count
	fields []*field
	order  string
	after  *engine.ProfilePlace
	limit  int
}

// candidate is a user that was found.
type candidate struct {
	engine.Profile
	key    uint32
	number int64 // what the order goes by
}

// candidateBytes is about what one takes.
const candidateBytes = 96

// Profiles serves a scan, in orders that do not go by the users' ids.
func (e *Engine) Profiles(ctx context.Context, q engine.Profiles) ([]engine.Profile, error) {
	if e.names == nil || q.Sort == engine.ByUserID || q.Contains != "" {
		return nil, engine.ErrUnsupported
	}
	s, err := e.profiles(ctx, q)
	if s == nil || err != nil {
		return nil, err
	}
	var users []candidate
	if err := e.do(ctx, func(ctx context.Context) error { users, err = s.find(ctx); return err }); err != nil {
		return nil, err
	}
	if users, err = e.page(ctx, s.first(users), q); err != nil {
		return nil, err
	}
	result := engine.NewResult[engine.Profile](ctx)
	err = e.do(ctx, func(ctx context.Context) error {
		for _, user := range users {
			kept := []string{user.UserID}
			if user.Fields, err = s.texts(ctx, user.key); err != nil {
				return err
			}
			for _, text := range user.Fields {
				kept = append(kept, text.Value)
			}
			if err := result.Add(user.Profile, kept...); err != nil {
				return err
			}
		}
		return nil
	})
	return result.Rows, err
}

// profiles makes a scan ready, or returns nil where the range has no time.
func (e *Engine) profiles(ctx context.Context, q engine.Profiles) (*profiles, error) {
	p, exists := q.Period(q.Zone)
	if !exists {
		return nil, nil
	}
	s := &profiles{order: q.Sort, after: q.After, limit: q.Limit}
	if q.From == engine.FirstDate {
		p.From = math.MinInt64
	} else {
		s.line = newTimeline(p, engine.Whole)
	}
	s.plan = e.plan(ctx, q.Scope, p)
	s.history = true
	return s, e.ready(func() (err error) {
		if s.filter, err = s.plan.filter(ctx, q.Filter); err != nil {
			return err
		}
		for _, f := range q.Fields {
			one, err := s.field(ctx, f)
			if err != nil {
				return err
			}
			s.fields = append(s.fields, one)
		}
		return nil
	})
}

// find returns the first of the users that are asked for and not before the place to begin
// behind, without their ids and fields, and some others.
func (s *profiles) find(ctx context.Context) ([]candidate, error) {
	var parts []*[]candidate
	err := s.walk(ctx, func(r *reader) visitor {
		users, full, counted := new([]candidate), 2*s.limit, 0
		parts = append(parts, users)
		return func(key uint32, events []walk.Event) error {
			if !s.passes(r, events) {
				return nil
			}
			past := r.past()
			user := candidate{Profile: engine.Profile{First: past[0].Us, Last: past[len(past)-1].Us, Events: int64(len(past))}, key: key}
			user.number = user.Place(s.order).Number
			if s.after != nil && user.number > s.after.Number {
				return nil
			}
			*users = append(*users, user)
			if len(*users) < full {
				return nil
			}
			*users = s.first(*users)
			more := max(full-counted, 0)
			full, counted = 2*len(*users), max(full, counted)
			return unsupported(s.budget.Spend(candidateBytes * more))
		}
	})
	var all []candidate
	for _, users := range parts {
		all = append(all, *users...)
	}
	return all, err
}

// passes says whether the filter holds for one of a user's events.
func (s *profiles) passes(r *reader, events []walk.Event) bool {
	for i := range events {
		if e := &events[i]; (s.line == nil || s.line.at(e.Us) >= 0) && s.filter.pass(r, e) {
			return true
		}
	}
	return false
}

// first returns those users that the first can be among: those that are equal in the order
// come by id, which is not known.
func (s *profiles) first(users []candidate) []candidate {
	slices.SortFunc(users, func(a, b candidate) int { return cmp.Compare(b.number, a.number) })
	n, enough := 0, s.limit
	for n < len(users) {
		tied := s.after != nil && users[n].number == s.after.Number // some of them were before
		if tied {
			enough++
		} else if n >= enough && users[n].number != users[n-1].number {
			break
		}
		n++
	}
	return users[:n]
}

// page returns the first users, with their ids.
func (e *Engine) page(ctx context.Context, users []candidate, q engine.Profiles) ([]candidate, error) {
	if len(users) > maxTied {
		return nil, engine.ErrUnsupported
	}
	keys := make([]uint32, len(users))
	for i, user := range users {
		keys[i] = user.key
	}
	ids, err := e.names.IDs(ctx, e.project, keys)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", engine.ErrUnsupported, err)
	}
	for i := range users {
		users[i].UserID = ids[i]
	}
	slices.SortFunc(users, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.number, a.number), cmp.Compare(a.UserID, b.UserID))
	})
	if after := q.After; after != nil {
		users = slices.DeleteFunc(users, func(u candidate) bool { return u.number == after.Number && u.UserID <= after.UserID })
	}
	return users[:min(q.Limit, len(users))], nil
}

// texts are the values that a user has in the fields.
func (s *profiles) texts(ctx context.Context, key uint32) ([]engine.Text, error) {
	if len(s.fields) == 0 {
		return nil, nil
	}
	texts := make([]engine.Text, len(s.fields))
	err := s.walk(ctx, func(r *reader) visitor {
		return func(_ uint32, events []walk.Event) error {
			for i, f := range s.fields {
				texts[i] = f.texts.text(f.id(r, &events[0]))
			}
			return nil
		}
	}, walk.OfUsers(key, key+1))
	return texts, err
}
