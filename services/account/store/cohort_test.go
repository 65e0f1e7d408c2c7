package store_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/cohort"
	"eventanalytics/pkg/platform/postgres/pgtest"
	"eventanalytics/pkg/refusal"
	"eventanalytics/pkg/syntax"
	"eventanalytics/services/account/store"
)

func filter(t *testing.T, text string) store.CohortChange {
	t.Helper()
	f, err := syntax.ParseFilter(text)
	require.NoError(t, err)
	return store.CohortChange{Filter: &f, Description: new(string)}
}

func TestCohorts(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	s := newSessions(t, pool, cheap, time.Now)
	ann, bob, eve := user(t, s, "ann"), user(t, s, "bob"), user(t, s, "eve")
	project := ann.ProjectID
	_, err := pool.Exec(t.Context(), `INSERT INTO analytics.members (project_id, user_id, role) VALUES ($1, $2, 'viewer')`, project, bob.ID)
	require.NoError(t, err)
	set := func(name, text string) (cohort.Cohort, bool) {
		c, created, err := s.SetCohort(t.Context(), project, ann.ID, name, nil, filter(t, text))
		require.NoError(t, err)
		return c, created
	}
	first, created := set("paying", `{"did":"purchase","times":3}`)
	require.True(t, created)
	require.Equal(t, `{"did":"purchase","times":"\u003e=3"}`, string(first.Filter))
	require.Equal(t, "ann", first.ChangedBy)
	second, created := set("paying", `["user.plan=pro",{"not":{"did":{"filter":"properties.a=1"}}}]`)
	require.False(t, created)
	require.Greater(t, second.Version, first.Version)

	_, _, err = s.SetCohort(t.Context(), project, ann.ID, "paying", &first.Version, filter(t, "user.a=1"))
	require.ErrorIs(t, err, store.ErrOtherVersion)
	_, _, err = s.SetCohort(t.Context(), project, ann.ID, "new", &first.Version, filter(t, "user.a=1"))
	require.ErrorIs(t, err, store.ErrOtherVersion)
	require.ErrorIs(t, s.DeleteCohort(t.Context(), project, ann.ID, "paying", &first.Version), store.ErrOtherVersion)

	for text, code := range map[string]string{
		"properties.a=1": "invalid-field", `{"any":["user.a=1",{"not":"event_type=b"}]}`: "invalid-field", "time.hour=3": "invalid-field", "user_id=1": "invalid-field",
		"cohort:nobody": "unknown-cohort", `{"did":{"filter":"cohort:nobody"}}`: "unknown-cohort", "cohort:itself": "circular-cohort",
	} {
		_, _, err := s.SetCohort(t.Context(), project, ann.ID, "itself", nil, filter(t, text))
		require.Contains(t, requireRefusal(t, err, refusal.Invalid, code), "filter", text)
	}
	set("a", "cohort:paying")
	set("b", `{"did":{"filter":{"not":"cohort:a"}}}`)
	_, _, err = s.SetCohort(t.Context(), project, ann.ID, "paying", nil, filter(t, "cohort:b"))
	requireRefusal(t, err, refusal.Invalid, "circular-cohort")
	requireRefusal(t, s.DeleteCohort(t.Context(), project, ann.ID, "a", nil), refusal.Conflict, "cohort-in-use")

	// What stats reads: the key of a cohort changes with those of the cohorts it names.
	before, err := cohort.Read(t.Context(), pool, project)
	require.NoError(t, err)
	require.Len(t, before, 3)
	set("paying", "user.plan=free")
	after, err := cohort.Read(t.Context(), pool, project)
	require.NoError(t, err)
	for name := range after {
		require.NotEqual(t, before[name].Key, after[name].Key, name)
	}
	set("b", "user.a:exists")
	again, err := cohort.Read(t.Context(), pool, project)
	require.NoError(t, err)
	require.Equal(t, after["a"].Key, again["a"].Key)

	all, err := s.Cohorts(t.Context(), project, bob.ID)
	require.NoError(t, err)
	require.Len(t, all, 3)
	_, _, err = s.SetCohort(t.Context(), project, bob.ID, "a", nil, filter(t, "user.a=1"))
	requireRefusal(t, err, refusal.Forbidden, "not-editor")
	requireRefusal(t, s.DeleteCohort(t.Context(), project, bob.ID, "b", nil), refusal.Forbidden, "not-editor")
	_, err = s.Cohorts(t.Context(), project, eve.ID)
	requireRefusal(t, err, refusal.NotFound, "not-found")
	_, err = s.Cohort(t.Context(), eve.ProjectID, eve.ID, "a")
	requireRefusal(t, err, refusal.NotFound, "not-found")
	_, err = pool.Exec(t.Context(), `UPDATE analytics.members SET role = $3 WHERE project_id = $1 AND user_id = $2`, project, bob.ID, auth.RoleEditor)
	require.NoError(t, err)
	require.NoError(t, s.DeleteCohort(t.Context(), project, bob.ID, "b", nil))
	require.NoError(t, s.DeleteCohort(t.Context(), project, bob.ID, "a", nil))
	requireRefusal(t, s.DeleteCohort(t.Context(), project, bob.ID, "a", nil), refusal.NotFound, "not-found")
}

func TestListsOfUsers(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	s := newSessions(t, pool, cheap, time.Now)
	ann := user(t, s, "ann")
	var users []string
	for i := range 25_000 {
		users = append(users, fmt.Sprintf("u%05d", i))
	}
	users = append(users, "u00000", strings.Repeat("😀", 200), "a,\"b\n", "42")
	c, _, err := s.SetCohort(t.Context(), ann.ProjectID, ann.ID, "list", nil, store.CohortChange{Users: slices.Clone(users)})
	require.NoError(t, err)
	require.EqualValues(t, len(users)-1, *c.Users)
	read := func() (got []string) {
		require.NoError(t, s.CohortUsers(t.Context(), ann.ProjectID, ann.ID, "list", func(part []string) error {
			require.LessOrEqual(t, len(part), cohort.PartUsers)
			got = append(got, part...)
			return nil
		}))
		return got
	}
	slices.Sort(users)
	require.Equal(t, slices.Compact(users), read())

	// Keys of those who have one.
	_, err = pool.Exec(t.Context(), `INSERT INTO analytics.user_keys (project_id, user_id, user_key) VALUES ($1, '42', 7), ($1, 'u24999', 0), ($1, 'other', 1), ($2, 'u00001', 2)`,
		ann.ProjectID, ann.ProjectID+1)
	require.NoError(t, err)
	known, err := cohort.Read(t.Context(), pool, ann.ProjectID)
	require.NoError(t, err)
	require.True(t, known["list"].IsList)
	var keys []uint32
	require.NoError(t, cohort.Keys(t.Context(), pool, ann.ProjectID, known["list"].ID, known["list"].Version, func(key uint32) { keys = append(keys, key) }))
	require.ElementsMatch(t, []uint32{7, 0}, keys)

	_, _, err = s.SetCohort(t.Context(), ann.ProjectID, ann.ID, "list", nil, store.CohortChange{Users: []string{"b", "a"}})
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, read())
	err = cohort.Keys(t.Context(), pool, ann.ProjectID, known["list"].ID, known["list"].Version, func(uint32) {})
	require.ErrorIs(t, err, cohort.ErrChanged)
	var parts int
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(*) FROM analytics.cohort_users`).Scan(&parts))
	require.Equal(t, 1, parts, "what is replaced takes no space")

	for _, wrong := range []string{"", "a\xff", strings.Repeat("x", 201)} {
		_, _, err = s.SetCohort(t.Context(), ann.ProjectID, ann.ID, "list", nil, store.CohortChange{Users: []string{"a", wrong}})
		require.Equal(t, "users[1]", requireRefusal(t, err, refusal.Invalid, "invalid-field"))
	}
	_, err = pool.Exec(t.Context(), `UPDATE analytics.cohorts SET users = 4999999 WHERE name = 'list'`)
	require.NoError(t, err)
	_, _, err = s.SetCohort(t.Context(), ann.ProjectID, ann.ID, "another", nil, store.CohortChange{Users: []string{"a", "b"}})
	requireRefusal(t, err, refusal.Conflict, "too-many-users")
	require.NoError(t, s.DeleteCohort(t.Context(), ann.ProjectID, ann.ID, "list", nil))
	_, err = pool.Exec(t.Context(), `INSERT INTO analytics.cohorts (project_id, name, description, version, names, users, changed_by)
		SELECT $1, 'c' || n, '', n, '{}', 0, $2 FROM generate_series(1, 200) AS n`, ann.ProjectID, ann.ID)
	require.NoError(t, err)
	_, _, err = s.SetCohort(t.Context(), ann.ProjectID, ann.ID, "c201", nil, filter(t, "user.a=1"))
	requireRefusal(t, err, refusal.Conflict, "too-many-cohorts")
	_, _, err = s.SetCohort(t.Context(), ann.ProjectID, ann.ID, "c1", nil, filter(t, "user.a=1"))
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(), `UPDATE analytics.cohorts SET filter = repeat('x', 256 << 10) WHERE name = 'c2'`)
	require.NoError(t, err)
	_, _, err = s.SetCohort(t.Context(), ann.ProjectID, ann.ID, "c1", nil, filter(t, "user.a=1"))
	requireRefusal(t, err, refusal.Conflict, "cohorts-too-large")
	err = s.CohortUsers(t.Context(), ann.ProjectID, ann.ID, "c1", func([]string) error { return nil })
	requireRefusal(t, err, refusal.Conflict, "not-a-list")
}
