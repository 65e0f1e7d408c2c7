package docgen

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"eventanalytics/services/stats"
)

// sharedParams are those that docs/api.md explains for all questions at once.
var sharedParams = []string{"project", "from", "from_date", "to", "to_date", "timezone", "fill", "segment", "filter", "format", "csv_text", "identity", "as_of", "min_position", "wait"}

// questionsTable has the questions that stats answers, from its registry, with the
// parameters that are their own.
func questionsTable(services []described) string {
	paths := map[string]*huma.PathItem{}
	for _, s := range services {
		if s.name == "stats" {
			paths = s.Server().API.OpenAPI().Paths
		}
	}
	var b strings.Builder
	b.WriteString("| Route | Question | Parameters of its own |\n|---|---|---|\n")
	for _, route := range stats.Routes() {
		if route.Method != http.MethodGet {
			continue
		}
		var own []string
		for _, p := range paths[route.Path].Get.Parameters {
			if p.In == "query" && !slices.Contains(sharedParams, p.Name) {
				own = append(own, ownParam(p))
			}
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", route.Path, route.Summary, strings.Join(own, ", "))
	}
	return b.String()
}

// ownParam is a parameter's name, with the values it can have if these are few.
func ownParam(p *huma.Param) string {
	var values []string
	for _, value := range p.Schema.Enum {
		values = append(values, fmt.Sprint(value))
	}
	if len(values) == 0 {
		return "`" + p.Name + "`"
	}
	return "`" + p.Name + "=" + strings.Join(values, `\|`) + "`"
}
