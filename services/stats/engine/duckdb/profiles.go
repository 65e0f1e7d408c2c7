package duckdb

import (
	"cmp"
	"context"
	"database/sql"
	_ "embed"
	"fmt"
	"math"
	"strconv"
	"strings"

	"eventanalytics/pkg/property"
	"eventanalytics/pkg/warehouse/duckdb"
	"eventanalytics/services/stats/engine"
)

var (
	//go:embed profiles.sql
	profilesSQL string
	//go:embed profile.sql
	profileSQL string
	//go:embed timeline.sql
	timelineSQL string
)

// Profiles serves a scan.
func (e *Engine) Profiles(ctx context.Context, q engine.Profiles) ([]engine.Profile, error) {
	p, exists := q.Period(q.Zone)
	if !exists {
		return nil, nil
	}
	always := q.From == engine.FirstDate
	if always { // it ends at an instant: before that a clock may have shown a later date
		p.From, p.Last = math.MinInt64, engine.LastDate
	}
	st := newStatement(q.Scope, profilesSQL, p).with("limit", q.Limit)
	if err := st.profiles(ctx, q, always); err != nil {
		return nil, err
	}
	result := engine.NewResult[engine.Profile](ctx)
	err := e.run(ctx, st, func(r *sql.Rows) error {
		var user engine.Profile
		texts := make([]sql.NullString, len(q.Fields))
		into := []any{&user.UserID, &user.First, &user.Last, &user.Events}
		for i := range texts {
			into = append(into, &texts[i])
		}
		if err := r.Scan(into...); err != nil {
			return fmt.Errorf("reading a user: %w", err)
		}
		kept := []string{user.UserID}
		for _, text := range texts {
			user.Fields = append(user.Fields, engine.Text{Value: text.String, Missing: !text.Valid})
			kept = append(kept, text.String)
		}
		return result.Add(user, kept...)
	})
	return result.Rows, err
}

// profiles sets the markers of profiles.sql.
func (st *statement) profiles(ctx context.Context, q engine.Profiles, always bool) error {
	name := "any_value(user_id)"
	if q.Names != nil {
		names, err := q.Names(ctx)
		if err != nil {
			return err
		}
		name = "coalesce(" + st.textOf("user_key::VARCHAR", "name", nameOf(names)) + ", " + name + ")"
	}
	fields := ""
	for _, f := range q.Fields {
		fields += ", " + st.fieldText(f)
	}
	st.past = true
	chosen := []string{"true"}
	if !always || !q.Filter.IsZero() {
		chosen = append(chosen, "user_key IN (SELECT user_key FROM {{local}})")
	}
	if q.Contains != "" {
		chosen = append(chosen, st.textOf("user_id", "contains", containing(q.Contains))+" IS NOT NULL")
	}
	if q.After != nil {
		after, number := st.bind(q.After.UserID)+"::VARCHAR", st.bind(q.After.Number)+"::BIGINT"
		if q.Sort == engine.ByUserID {
			chosen = append(chosen, "user_id > "+after)
		} else {
			chosen = append(chosen, fmt.Sprintf("(%[1]s < %[2]s OR %[1]s = %[2]s AND user_id > %[3]s)", q.Sort, number, after))
		}
	}
	order := engine.ByUserID
	if q.Sort != engine.ByUserID {
		order = q.Sort + " DESC, user_id"
	}
	st.markers = append(st.markers, "{{name}}", name, "{{fields}}", fields, "{{values}}", strings.Join(st.users, ""),
		"{{chosen}}", strings.Join(chosen, " AND "), "{{order}}", order)
	return nil
}

// nameOf tells the ids that persons with several go by. A root need not have an event.
func nameOf(names map[uint32]string) duckdb.Function {
	return func(key string) (string, bool) {
		n, err := strconv.ParseUint(key, 10, 32)
		name, ok := names[uint32(n)]
		return name, ok && err == nil
	}
}

// Profile returns a user, or nil where there is no event.
func (e *Engine) Profile(ctx context.Context, q engine.OneProfile) (*engine.Known, error) {
	p := engine.Always()
	p.To = q.Before
	st := newStatement(engine.Scope{}, profileSQL, p)
	st.of(q.UserID, q.Keys)
	last := lastKnown{known: map[string]knownValue{}, budget: engine.NewBudget(ctx)}
	user := &engine.Known{Profile: engine.Profile{UserID: q.UserID, First: math.MaxInt64, Last: math.MinInt64}}
	err := e.run(ctx, st, func(r *sql.Rows) error {
		var at place
		var properties string
		if err := r.Scan(&at.us, &at.eventType, &at.id, &properties); err != nil {
			return fmt.Errorf("reading an event: %w", err)
		}
		user.Events++
		user.First, user.Last = min(user.First, at.us), max(user.Last, at.us)
		return last.add(at, properties)
	})
	if err != nil || user.Events == 0 {
		return nil, err
	}
	user.Properties = last.values()
	return user, nil
}

// place is that of an event among those of its user.
type place struct {
	us            int64
	eventType, id string
}

func (p place) compare(other place) int {
	return cmp.Or(cmp.Compare(p.us, other.us), strings.Compare(p.eventType, other.eventType), strings.Compare(p.id, other.id))
}

// lastKnown collects the last value of each property, from events in any order.
type lastKnown struct {
	known  map[string]knownValue
	budget engine.Budget
}

type knownValue struct {
	at   place
	json string
	room int // bytes that were counted
}

func (l *lastKnown) add(at place, properties string) error {
	for name, value := range property.Members(properties) {
		last, ok := l.known[name]
		if ok && last.at.compare(at) >= 0 { // of a key that comes twice in an object, the first counts
			continue
		}
		if !ok {
			name = strings.Clone(name)
			last.room = -len(name)
		}
		if more := len(value.JSON()) - last.room; more > 0 || !ok {
			if err := l.budget.Spend(more); err != nil {
				return err
			}
			last.room = len(value.JSON())
		}
		l.known[name] = knownValue{at, strings.Clone(value.JSON()), last.room}
	}
	return nil
}

func (l *lastKnown) values() map[string]string {
	all := make(map[string]string, len(l.known))
	for name, value := range l.known {
		all[name] = value.json
	}
	return all
}

// Timeline serves a scan.
func (e *Engine) Timeline(ctx context.Context, t engine.Timeline) ([]engine.Event, error) {
	behind := "true"
	st := newStatement(t.Scope, timelineSQL, engine.Always()).with("limit", t.Limit)
	st.of(t.UserID, t.Keys)
	if t.After != nil {
		behind = "(us, event_type, event_id) < (SELECT (us, event_type, event_id) FROM events WHERE event_id = " + st.bind(t.After.String()) + "::UUID)"
	}
	st.markers = append(st.markers, "{{behind}}", behind)
	return e.events(ctx, st)
}
