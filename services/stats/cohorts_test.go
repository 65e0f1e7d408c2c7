package stats

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/cohort"
)

// setCohort does what the account service does: filter is its JSON, or users are a list.
func (a *api) setCohort(t *testing.T, project int64, name, filter string, names, users []string) {
	t.Helper()
	var text *string
	if users == nil {
		text = &filter
	}
	var id, version int64
	require.NoError(t, a.pool.QueryRow(t.Context(), `
		INSERT INTO analytics.cohorts (project_id, name, description, version, filter, names, users, changed_by)
		SELECT $1, $2, '', nextval('analytics.cohort_versions'), $3, $4, $5, min(id) FROM analytics.users
		ON CONFLICT (project_id, name) DO UPDATE SET version = excluded.version, filter = excluded.filter
		RETURNING id, version`, project, name, text, append([]string{}, names...), len(users)).Scan(&id, &version))
	if users != nil {
		part, err := cohort.EncodePart(users)
		require.NoError(t, err)
		_, err = a.pool.Exec(t.Context(), `INSERT INTO analytics.cohort_users (cohort_id, version, part, users) VALUES ($1, $2, 0, $3)`, id, version, part)
		require.NoError(t, err)
	}
}

// TestCohortsInQuestions: cohorts are read from Postgres and count in filters and
// breakdowns; an answer is another one when the cohort is.
func TestCohortsInQuestions(t *testing.T) {
	t.Parallel()
	a := newAPI(t).run(t)
	a.publish(t, 1, august()...)
	a.visible(t)
	users := func(filter string) string {
		t.Helper()
		r := a.get(t, 1, "/api/stats/trends"+query("from", "2025-08-01", "to", "2025-08-31", "series", "*", "interval", "all", "fill", "zero", "breakdown", "user_id", "filter", filter)).ok(t)
		names := ""
		for _, row := range r["data"].([]any) {
			names += fmt.Sprint(row.(map[string]any)["user_id"], " ")
		}
		return names
	}
	require.Equal(t, "422 /problems/unknown-cohort filter", a.get(t, 1, "/api/stats/dau"+query("from", "2025-08-01", "to", "2025-08-31", "filter", "cohort:paying")).refused(t))
	a.setCohort(t, 1, "paying", `{"did":{"event":"buy","filter":"properties.price>10"}}`, nil, nil)
	require.Equal(t, "ann ", users("cohort:paying"), "one that was made just now")
	require.Equal(t, "bob ", users("cohort:paying=false"))
	require.Equal(t, "ann ", users(`{"did":"login","times":2}`))
	require.Equal(t, "bob ", users(`{"did":"login","times":"=1"}`))
	require.Equal(t, "ann ", users(`{"did":"login","last":"20d"}`))
	a.setCohort(t, 1, "others", `{"not":"cohort:paying"}`, []string{"paying"}, nil)
	require.Equal(t, "bob ", users("cohort:others"))
	require.Equal(t, "422 /problems/unknown-cohort filter", a.get(t, 2, "/api/stats/dau"+query("from", "2025-08-01", "to", "2025-08-31", "filter", "cohort:others")).refused(t), "another project's")

	ask := "/api/stats/trends" + query("from", "2025-08-01", "to", "2025-08-31", "series", "*", "interval", "all", "breakdown", "cohort:others")
	first := a.get(t, 1, ask)
	require.Contains(t, string(first.body), `"cohort:others":"false"`)
	require.Equal(t, 304, a.get(t, 1, ask, "If-None-Match", first.Header.Get("ETag")).StatusCode)
	a.setCohort(t, 1, "paying", `{"did":"login"}`, nil, nil)
	second := a.get(t, 1, ask, "If-None-Match", first.Header.Get("ETag"))
	require.Equal(t, 200, second.StatusCode, "what it names has changed")
	require.NotContains(t, string(second.body), `"cohort:others":"true"`)

	a.setCohort(t, 1, "list", "", nil, []string{"bob", "carl", "nobody"})
	require.Equal(t, "bob ", users("cohort:list"))
	e := august()[4]
	e.ID, e.UserID = id(6), "carl"
	a.publish(t, 1, e)
	a.visible(t)
	require.Equal(t, "bob carl ", users("cohort:list"), "a user who came later")

	for path, want := range map[string]string{
		"/api/stats/event-types" + query("filter", `{"did":"buy","last":"30d"}`):                                                      "422 /problems/invalid-parameter filter",
		"/api/stats/event-types" + query("filter", `{"did":"buy","times":"many"}`):                                                    "422 /problems/invalid-parameter filter.times",
		"/api/stats/event-types" + query("segment", "cohort:paying"):                                                                  "422 /problems/invalid-parameter segment",
		"/api/stats/event-types" + query("filter", `["event_type=a",{"any":[{"not":"cohort:none"}]}]`):                                "422 /problems/unknown-cohort filter[1].any[0].not",
		"/api/stats/event-types" + query("filter", `{"did":{"event":"a","filter":["user.a=1","cohort:none"]}}`):                       "422 /problems/unknown-cohort filter.did.filter[1]",
		"/api/stats/event-types" + query("filter", `{"any":[{"funnel":{"steps":["a",{"filter":"cohort:none"}]}}]}`):                   "422 /problems/unknown-cohort filter.any[0].funnel.steps[1].filter",
		"/api/stats/event-types" + query("filter", `{"funnel":{"steps":["a","b"],"exclude":{"filter":"cohort:none"}}}`):               "422 /problems/unknown-cohort filter.funnel.exclude[0].filter",
		"/api/stats/trends" + query("from", "2025-08-01", "to", "2025-08-31", "series", `["a",{"filter":"cohort:none"}]`):             "422 /problems/unknown-cohort series[1].filter",
		"/api/stats/trends" + query("from", "2025-08-01", "to", "2025-08-31", "series", "a", "breakdown", `["user.a","cohort:none"]`): "422 /problems/unknown-cohort breakdown[1]",
		"/api/stats/trends" + query("from", "2025-08-01", "to", "2025-08-31", "series", "a", "measure", "distinct(cohort:none)"):      "422 /problems/unknown-cohort series[0].measure",
		"/api/stats/trends" + query("from", "2025-08-01", "to", "2025-08-31", "series", "a", "unit", "cohort:none"):                   "422 /problems/unknown-cohort unit",
	} {
		require.Equal(t, want, a.get(t, 1, path).refused(t), path)
	}
	require.Len(t, a.get(t, 1, "/api/stats/event-types"+query("filter", `{"did":"buy"}`)).ok(t)["data"], 2)
}
