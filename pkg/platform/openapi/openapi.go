// Package openapi serves the OpenAPI document of the whole service and a page to
// try it out. The document is generated from the handlers ("make generate") and
// committed, so that each service shows all routes, not only its own.
package openapi

import (
	_ "embed"
	"net/http"

	"github.com/labstack/echo/v5"
	"github.com/swaggest/swgui"
	swagger "github.com/swaggest/swgui/v5emb"

	"eventanalytics/pkg/platform/server"
)

//go:embed openapi.json
var document []byte

// Document is the OpenAPI 3.1 document as JSON.
func Document() []byte { return document }

// loginFirst shows the login above the fields for keys: Swagger UI puts it below them,
// whatever their order, and moves to the last of them.
const loginFirst = `<style>.swagger-ui .modal-ux-content .auth-container { display: flex; flex-direction: column-reverse }</style>
<script>
new MutationObserver(() => {
  const name = document.querySelector('#oauth_username:not([data-seen])')
  if (!name) return
  name.dataset.seen = true
  name.focus({ preventScroll: true })
  name.closest('.modal-ux-content').scrollTop = 0
}).observe(document.documentElement, { childList: true, subtree: true })
</script>`

// Register adds /openapi.json and Swagger UI at /docs. All of the page's files are
// served by this process.
func Register(e *echo.Echo) {
	e.Match(server.Get, "/openapi.json", func(c *echo.Context) error {
		return c.Blob(http.StatusOK, echo.MIMEApplicationJSON, document)
	})
	page := echo.WrapHandler(swagger.NewHandlerWithConfig(swgui.Config{
		Title:       "Event Analytics",
		SwaggerJSON: "/openapi.json",
		BasePath:    "/docs/",
		SettingsUI: map[string]string{
			"tryItOutEnabled": "true",
		},
		AppendHead: loginFirst,
	}))
	e.Match(server.Get, "/docs", page)
	e.Match(server.Get, "/docs/*", page)
}
