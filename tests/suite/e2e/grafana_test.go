package e2e

import (
	"encoding/csv"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"eventanalytics/tests/harness/stack"
)

// grafana is the dashboard over the stats API, as far as it asks.
type grafana struct {
	Templating struct {
		List []struct {
			Name    string
			Current struct{ Value string }
		}
	}
	Panels []struct {
		Title   string
		Targets []infinity
	}
}

// infinity is a query of the Infinity data source.
type infinity struct {
	RefID, Source, Parser, Type, URL string
	Root                             string `json:"root_selector"`
	Options                          struct {
		Method string
		Params []struct{ Key, Value string }
	} `json:"url_options"`
	Columns []struct{ Selector, Text, Type string }
}

// TestGrafanaDashboardIsAnswered asks what the dashboard asks, with the header of its
// data source, about the days of the sample.
func TestGrafanaDashboardIsAnswered(t *testing.T) {
	var d grafana
	require.NoError(t, json.Unmarshal(repositoryFile(t, "deployments", "grafana", "stats", "dashboard.json"), &d))
	var sources struct {
		Datasources []struct {
			JSONData struct {
				Type string `yaml:"apiKeyType"`
				Key  string `yaml:"apiKeyKey"`
			} `yaml:"jsonData"`
		}
	}
	require.NoError(t, yaml.Unmarshal(repositoryFile(t, "deployments", "grafana", "stats", "datasource.yml"), &sources))
	require.Len(t, sources.Datasources, 1)
	source := sources.Datasources[0].JSONData
	require.Equal(t, "header", source.Type)
	variables := []string{"${__from:date:YYYY-MM-DD}", "2025-08-01", "${__to:date:YYYY-MM-DD}", "2025-08-31"}
	for _, v := range d.Templating.List {
		variables = append(variables, "${"+v.Name+"}", v.Current.Value)
	}
	fill := strings.NewReplacer(variables...)

	onEach(t, func(t *testing.T, s *stack.Stack) {
		user := withSample(t, s)
		secret, _ := user.Key(t, "read")
		c := anonymous(t, s.URL).With(source.Key, secret)
		asked := 0
		for _, p := range d.Panels {
			for _, q := range p.Targets {
				require.Equal(t, []string{"url", "json", "GET", "data"}, []string{q.Source, q.Type, q.Options.Method, q.Root}, p.Title)
				var parameters []string
				for _, x := range q.Options.Params {
					value := fill.Replace(x.Value)
					require.NotContains(t, value, "$", "%s: %s is not filled in", p.Title, x.Key)
					parameters = append(parameters, x.Key, value)
				}
				var answer struct{ Data []map[string]any }
				c.Get(t, q.URL, parameters...).Is(t, 200, "").Decode(t, &answer)
				require.NotEmpty(t, answer.Data, p.Title)
				require.NotEmpty(t, q.Columns, p.Title)
				for _, column := range q.Columns {
					hasColumn(t, answer.Data, column.Selector, column.Type)
				}
				asked++
			}
		}
		require.GreaterOrEqual(t, asked, len(d.Panels))
	})
}

// hasColumn checks that every row has a value of the type.
func hasColumn(t *testing.T, rows []map[string]any, name, kind string) {
	t.Helper()
	for _, row := range rows {
		value, ok := row[name]
		require.True(t, ok, "%v has no %s", row, name)
		switch kind {
		case "number":
			require.IsType(t, float64(0), value, name)
		case "timestamp":
			text, _ := value.(string)
			_, date := time.Parse(time.DateOnly, text)
			_, instant := time.Parse(time.RFC3339, text)
			require.True(t, date == nil || instant == nil, "%s is %v", name, value)
		default:
			require.Equal(t, "string", kind, name)
			require.NotNil(t, value, name)
		}
	}
}

// addresses of the examples in docs/grafana.md.
var addresses = regexp.MustCompile(`https://analytics\.example\.com(/api/[^"\s]*)`)

// TestSpreadsheetAddressesAnswer asks what the page about spreadsheets shows.
func TestSpreadsheetAddressesAnswer(t *testing.T) {
	page := string(repositoryFile(t, "docs", "grafana.md"))
	shown := addresses.FindAllStringSubmatch(page, -1)
	require.GreaterOrEqual(t, len(shown), 3, "Power Query, Apps Script, curl")
	onEach(t, func(t *testing.T, s *stack.Stack) {
		secret, _ := withSample(t, s).Key(t, "read")
		for _, address := range shown {
			a := anonymous(t, s.URL).With("X-API-Key", secret).Get(t, address[1]).Is(t, 200, "")
			require.Contains(t, a.Header.Get("Content-Type"), "text/csv", address[1])
			rows, err := csv.NewReader(strings.NewReader(string(a.Body))).ReadAll()
			require.NoError(t, err, address[1])
			require.Greater(t, len(rows), 1, address[1])

			// A key in the address is no key, so that IMPORTDATA cannot work.
			at, err := url.Parse(address[1])
			require.NoError(t, err)
			query := at.Query()
			for _, name := range []string{"X-API-Key", "api_key", "access_token"} {
				query.Set(name, secret)
			}
			at.RawQuery = query.Encode()
			anonymous(t, s.URL).Get(t, at.String()).Is(t, 401, "unauthorized")
		}
	})
}

// withSample returns a new user whose project has the sample.
func withSample(t *testing.T, s *stack.Stack) *caller {
	t.Helper()
	body := repositoryFile(t, "tests", "harness", "sample", "events_sample.json")
	c := newUser(t, s.URL)
	c.Visible(t, c.Upload(t, string(body)).Position, "/api/stats/event-types")
	return c
}

func repositoryFile(t *testing.T, elements ...string) []byte {
	t.Helper()
	root, err := stack.Root()
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(append([]string{root}, elements...)...))
	require.NoError(t, err)
	return text
}
