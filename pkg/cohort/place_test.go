package cohort

import (
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/syntax"
)

// TestPlaces: every cohort that a filter names is found, with its path.
func TestPlaces(t *testing.T) {
	t.Parallel()
	f, err := syntax.ParseFilterJSON([]byte(`["event_type=x","cohort:a",{"any":[{"not":"cohort:b=false"},{"did":{"filter":["user.a=1","cohort:c"]}}]},
		{"funnel":{"steps":["x",{"filter":"cohort:d"}],"exclude":[{"filter":{"any":["cohort:e"]}}],"filter":"cohort:a"}}]`))
	require.NoError(t, err)
	places := Places("filter", f)
	require.Equal(t, []Place{
		{"filter[1]", "a"}, {"filter[2].any[0].not", "b"}, {"filter[2].any[1].did.filter[1]", "c"},
		{"filter[3].funnel.filter", "a"}, {"filter[3].funnel.steps[1].filter", "d"}, {"filter[3].funnel.exclude[0].filter.any[0]", "e"},
	}, places)
	require.Equal(t, []string{"a", "b", "c", "d", "e"}, NamesOf(places))
}
