package docgen

import (
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"eventanalytics/pkg/share"
	"eventanalytics/services/stats"
)

// TestBoardsNameQuestions: tiles may have every question that has no one thing in its
// path, and nothing else; those about links between ids are no statistics. The account
// service does not know the questions.
func TestBoardsNameQuestions(t *testing.T) {
	t.Parallel()
	field, _ := reflect.TypeFor[share.TileQuestion]().FieldByName("Route")
	var questions []string
	for _, r := range stats.Routes() {
		if r.Method == http.MethodPost && strings.HasPrefix(r.Path, "/api/stats/") {
			questions = append(questions, r.Path)
		}
	}
	require.ElementsMatch(t, questions, strings.Split(field.Tag.Get("enum"), ","))
}
