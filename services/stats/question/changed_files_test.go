package question_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/services/stats/engine"
	"eventanalytics/services/stats/question"
)

// TestFilesThatChange: whatever is written to files of events by user while they are open, a
// question that goes over them ends, and is left to another engine. It never ends the process.
func TestFilesThatChange(t *testing.T) {
	g := seeded(t, uint64(time.Now().UnixNano()))
	s := scenes[0]
	now := s.at().AddDate(0, 0, 30)
	g.kinds, g.near = g.someKinds(), s.at()
	w := newWorld(t)
	events := g.events(s, 1200)
	w.scatter(t, g, 1, events[:600])
	w.builder.ShredFrom = 1
	w.add(t, 1, events[600:])
	d := w.data(t, 1, now)
	walkers := []engine.Engine{d.walker(true), d.walker(false)} // the files are whole when they are opened
	left := map[string]int{}
	for round := range 800 {
		path := filepath.Join(w.dir, pick(g, w.segments).UsersFile().Path)
		whole, err := os.ReadFile(path)
		require.NoError(t, err)
		changed := bytes.Clone(whole)
		for range pick(g, []int{1, 1, 2, 50}) {
			changed[g.IntN(len(changed))] ^= 1 << g.IntN(8)
		}
		name, b, p := g.walk(s, now)
		require.NoError(t, json.Unmarshal([]byte(b.String()), p), "%s", b)
		if q, err := p.Question(now); err == nil {
			overwrite(t, path, changed)
			if _, _, err := d.ask(t.Context(), q, walkers[round%2]); err != nil {
				require.ErrorIs(t, err, engine.ErrUnsupported, "%s", b)
				left[name]++
			}
			overwrite(t, path, whole)
		}
	}
	t.Log(left)
	require.Len(t, left, len(walked))
}

// walked are questions that walk over users' events.
var walked = []string{"trends", "funnels", "paths", "sessions", "lifecycle", "retention", "property-values", "profiles"}

// walk makes one of them, with the defaults of its route.
func (g generator) walk(s scene, now time.Time) (name string, b body, p question.Params) {
	split := question.SplitParams{Top: 10, Other: true}
	switch name = pick(g, walked); name {
	case "trends":
		b, _ = g.trends(s, now)
		p = &question.TrendsParams{Measure: "users", SplitParams: split}
	case "funnels":
		b, _ = g.funnel(s, now)
		p = &question.FunnelsParams{Window: "7d", Order: "ordered", View: "steps", Attribution: "first", SplitParams: split}
	case "paths":
		b, _ = g.paths(s, now)
		p = &question.PathsParams{Node: "event_type", Steps: 5, Within: "session", GapParams: question.GapParams{Gap: "30min"}, Top: 10}
	case "sessions":
		b, _ = g.sessions(s, now)
		p = &question.SessionsParams{GapParams: question.GapParams{Gap: "30min"}, SplitParams: split}
	case "lifecycle":
		b, _ = g.lifecycle(s, now)
		p = &question.LifecycleParams{}
	case "retention":
		b, _ = g.retention(s, now)
		p = &question.RetentionParams{Granularity: "week", Cohort: "first_ever", Mode: "on", Zero: "cohort", SplitParams: split}
	case "property-values":
		b, _ = g.propertyValues(s, now)
		p = &question.PropertyValuesParams{Limit: 20}
	case "profiles":
		b, p = body{"timezone": "UTC", "fields": "user." + pick(g, []string{"a", "plan"})}, &question.ProfilesParams{To: "today", Sort: "last_seen", Limit: 10}
	}
	for name, value := range map[string]any{"interval": "day", "unit": "user_id"} {
		if b[name] == nil {
			b[name] = value
		}
	}
	return name, b, p
}

// overwrite changes the bytes of a file that may be mapped.
func overwrite(t *testing.T, path string, content []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteAt(content, 0)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}
