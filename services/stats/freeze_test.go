package stats

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/auth/authtest"
	"eventanalytics/pkg/clock"
	"eventanalytics/pkg/cohort"
)

// TestFreeze: a list has the users that a cohort had at the end of a day, and stays; those who
// may not, and what cannot be, are refused.
func TestFreeze(t *testing.T) {
	t.Parallel()
	a := newAPI(t).run(t)
	tokens, err := auth.NewTokens("0123456789abcdef0123456789abcdef", clock.Now)
	require.NoError(t, err)
	owner := authtest.Login(t, a.pool, tokens, "owner")
	project := owner.Project
	a.publish(t, project, august()...)
	a.visible(t)
	freezeAs := func(who authtest.User, name, body string) reply {
		return a.send(t, project, "POST", fmt.Sprintf("/api/projects/%d/cohorts/%s/freeze", project, name), body, "Content-Type", "application/json", "Authorization", "Bearer "+who.Token)
	}
	lists := 0
	freeze := func(name, asOf string) string {
		t.Helper()
		lists++
		to := fmt.Sprintf("list-%d", lists)
		r := freezeAs(owner, name, `{"to": "`+to+`", "timezone": "Europe/Kyiv", `+asOf+`}`)
		require.Equal(t, 201, r.StatusCode, "%s", r.body)
		made := r.decode(t)
		require.Equal(t, to, made["name"])
		require.Equal(t, "owner", made["changed_by"])
		require.Contains(t, made["description"], name+" as of 2025-")
		require.Equal(t, fmt.Sprintf(`"%.0f"`, made["version"]), r.Header.Get("ETag"))
		known, err := cohort.Read(t.Context(), a.pool, project)
		require.NoError(t, err)
		var users []string
		require.NoError(t, cohort.Users(t.Context(), a.pool, known[to].ID, known[to].Version, func(part []string) error { users = append(users, part...); return nil }))
		require.EqualValues(t, len(users), made["users"])
		return strings.Join(users, " ")
	}
	a.setCohort(t, project, "buyers", `{"did":"buy"}`, nil, nil)
	a.setCohort(t, project, "others", `{"not":"cohort:buyers"}`, []string{"buyers"}, nil)
	a.setCohort(t, project, "all", `[]`, nil, nil)
	a.setCohort(t, project, "funnel", `{"funnel":{"steps":["login","buy"],"window":"1d"}}`, nil, nil)
	a.setCohort(t, project, "list", "", nil, []string{"bob", "nobody"})
	a.setCohort(t, project, "listed", `"cohort:list"`, []string{"list"}, nil)
	const before, fourth, fifth, end = `"as_of": "2025-08-03"`, `"as_of": "2025-08-04"`, `"as_of": "2025-08-05"`, `"as_of": "-1mo"`
	require.Equal(t, "", freeze("buyers", before))
	require.Equal(t, "", freeze("buyers", fourth), "in Kyiv ann bought on the next day")
	require.Equal(t, "ann", freeze("buyers", fifth))
	require.Equal(t, "ann bob", freeze("buyers", end))
	require.Equal(t, "", freeze("others", before), "of whom nothing is known by then")
	require.Equal(t, "bob", freeze("others", fifth))
	require.Equal(t, "ann bob", freeze("all", fifth))
	require.Equal(t, "ann", freeze("funnel", fifth), "began by then, and finished within the window")
	require.Equal(t, "bob nobody", freeze("list", before), "a list is copied")
	require.Equal(t, "", freeze("listed", fourth))
	require.Equal(t, "bob", freeze("listed", fifth))

	// The list stays when the cohort changes, and questions know it.
	a.setCohort(t, project, "buyers", `{"did":"nothing"}`, nil, nil)
	key := authtest.Key(t, a.pool, owner, auth.ScopeRead)
	r := a.send(t, project, "GET", "/api/stats/dau"+query("from", "2025-08-01", "to", "2025-08-31", "filter", "cohort:list-4"), "", "Authorization", "Bearer "+key)
	require.Len(t, r.ok(t)["data"], 3)

	e := august()[4]
	e.ID, e.UserID, e.Type = id(6), "carl", "buy"
	a.publish(t, project, e)
	position := a.tokens.Encode(project, a.position)
	a.setCohort(t, project, "buyers", `{"did":"buy"}`, nil, nil)
	require.Equal(t, "ann bob carl", freeze("buyers", `"as_of": "yesterday", "min_position": "`+position+`", "wait": "10s"`), "what was uploaded before")

	viewer, editor, stranger := authtest.Login(t, a.pool, tokens, "viewer"), authtest.Login(t, a.pool, tokens, "editor"), authtest.Login(t, a.pool, tokens, "stranger")
	_, err = a.pool.Exec(t.Context(), `INSERT INTO analytics.members (project_id, user_id, role) VALUES ($1, $2, 'viewer'), ($1, $3, 'editor')`, project, viewer.ID, editor.ID)
	require.NoError(t, err)
	require.Equal(t, "403 /problems/not-editor ", freezeAs(viewer, "buyers", `{"to":"new"}`).refused(t))
	require.Equal(t, "404 /problems/not-found ", freezeAs(stranger, "buyers", `{"to":"new"}`).refused(t))
	require.Equal(t, 201, freezeAs(editor, "buyers", `{"to":"new"}`).StatusCode)
	for body, want := range map[string]string{
		`{"to":"new"}`:                        "409 /problems/cohort-exists ",
		`{"to":"buyers"}`:                     "409 /problems/cohort-exists ",
		`{"to":"New"}`:                        "422 /problems/invalid-field to",
		`{"to":"a","as_of":"soon"}`:           "422 /problems/invalid-parameter as_of",
		`{"to":"a","timezone":"Mars"}`:        "422 /problems/invalid-parameter timezone",
		`{"to":"a","wait":"x"}`:               "422 /problems/invalid-parameter wait",
		`{"to":"a","min_position":"x"}`:       "422 /problems/invalid-position min_position",
		`{"as_of":"today"}`:                   "422 /problems/missing-field to",
		`{"to":"a","filter":"user.a:exists"}`: "422 /problems/unknown-field filter",
	} {
		require.Equal(t, want, freezeAs(owner, "buyers", body).refused(t), body)
	}
	require.Equal(t, "404 /problems/not-found ", freezeAs(owner, "nobody", `{"to":"a"}`).refused(t))
	require.Equal(t, "404 /problems/not-found ", freezeAs(owner, "Buyers", `{"to":"a"}`).refused(t))
}

// TestFreezeOfWhatChanges: a cohort that has changed since its users were found is not frozen,
// nor is one by who has lost the right to.
func TestFreezeOfWhatChanges(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	tokens, err := auth.NewTokens("0123456789abcdef0123456789abcdef", clock.Now)
	require.NoError(t, err)
	owner := authtest.Login(t, a.pool, tokens, "owner")
	a.setCohort(t, owner.Project, "named", `{"did":"buy"}`, nil, nil)
	a.setCohort(t, owner.Project, "buyers", `"cohort:named"`, []string{"named"}, nil)
	known, err := cohort.Read(t.Context(), a.pool, owner.Project)
	require.NoError(t, err)
	f := cohort.Frozen{Of: "buyers", Key: known["buyers"].Key, To: "list", Text: "text"}
	a.setCohort(t, owner.Project, "named", `{"did":"sell"}`, nil, nil)
	_, err = cohort.Freeze(t.Context(), a.pool, owner.Project, owner.ID, f)
	require.ErrorIs(t, err, cohort.ErrChanged)
	known, err = cohort.Read(t.Context(), a.pool, owner.Project)
	require.NoError(t, err)
	f.Key = known["buyers"].Key
	_, err = a.pool.Exec(t.Context(), `UPDATE analytics.members SET role = 'viewer' WHERE project_id = $1`, owner.Project)
	require.NoError(t, err)
	_, err = cohort.Freeze(t.Context(), a.pool, owner.Project, owner.ID, f)
	require.ErrorIs(t, err, auth.ErrViewer)
	_, err = a.pool.Exec(t.Context(), `UPDATE analytics.members SET role = 'editor' WHERE project_id = $1`, owner.Project)
	require.NoError(t, err)
	made, err := cohort.Freeze(t.Context(), a.pool, owner.Project, owner.ID, f)
	require.NoError(t, err)
	require.EqualValues(t, 0, *made.Users)
	_, err = cohort.Freeze(t.Context(), a.pool, owner.Project, owner.ID, f)
	require.ErrorIs(t, err, cohort.ErrExists)
	require.ErrorContains(t, cohort.CheckSize(cohort.MaxUsers+1), "too-many-users")
}
