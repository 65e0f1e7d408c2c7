package stats

import (
	"github.com/labstack/echo/v5"

	"eventanalytics/pkg/platform/server"
	"eventanalytics/web"
)

// registerDashboard adds the dashboard's pages and files, and the tracker. Files of another build are
// answered 404, so that the gateway asks a replica of that build.
func registerDashboard(e *echo.Echo) error {
	dashboard, err := web.Load()
	if err != nil {
		return err
	}
	serve := func(c *echo.Context) error {
		if !dashboard.Has(c.Request().URL.Path) {
			return echo.ErrNotFound
		}
		dashboard.ServeHTTP(c.Response(), c.Request())
		return nil
	}
	for _, page := range web.Pages {
		e.Match(server.Get, page, serve)
	}
	e.Match(server.Get, web.AssetsPath+"*", serve)
	e.Match(server.Get, web.TrackerPath, serve)
	return nil
}
