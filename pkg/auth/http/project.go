package authhttp

import (
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/platform/problem"
)

const (
	projectHeader = "X-Project"
	projectQuery  = "project"
)

// ProjectParam makes huma accept the query parameter that the middleware reads: embed it
// in the input of operations that are Secured with another scope than ScopeAccount.
// Secured documents it.
type ProjectParam struct {
	Project string `query:"project" json:"-" hidden:"true"`
}

// readProject returns the project that a request names, in its header or its query, or
// 0. Links and EventSource cannot send headers. Of two different ones neither wins: a
// gateway or a log might believe the other.
func readProject(ctx huma.Context, header []string) (int64, error) {
	named, err := projectOf(projectHeader, header)
	if err != nil || ctx.Operation().Metadata[scopeKey] == auth.ScopeAccount {
		return named, err
	}
	address := ctx.URL()
	asked, err := projectOf(projectQuery, address.Query()[projectQuery])
	if err != nil {
		return 0, err
	}
	if named != 0 && asked != 0 && named != asked {
		return 0, problem.Invalid("invalid-parameter", projectQuery, "is another project than that of "+projectHeader)
	}
	return max(named, asked), nil
}

// projectOf reads the id of a project, which may be given once.
func projectOf(name string, values []string) (int64, error) {
	if len(values) == 0 {
		return 0, nil
	}
	id, err := strconv.ParseInt(values[0], 10, 64)
	if err != nil || id <= 0 || len(values) > 1 {
		return 0, problem.Invalid("invalid-parameter", name, "must be the id of one project")
	}
	return id, nil
}

// projectParams document how a request names its project.
func projectParams() []*huma.Param {
	least := 1.0
	schema := &huma.Schema{Type: huma.TypeInteger, Format: "int64", Minimum: &least}
	return []*huma.Param{
		{
			Name: projectHeader, In: "header", Schema: schema,
			Description: "The project to act on, by default one's own. An API key acts on its project only.",
		},
		{
			Name: projectQuery, In: "query", Schema: schema,
			Description: "The same as " + projectHeader + ", for links and others that cannot send headers. If both are there, they must be the same.",
		},
	}
}
