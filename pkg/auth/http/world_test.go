package authhttp_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"eventanalytics/pkg/auth"
	"eventanalytics/pkg/auth/authtest"
	authhttp "eventanalytics/pkg/auth/http"
	"eventanalytics/pkg/platform/postgres/pgtest"
	"eventanalytics/pkg/platform/server"
)

const secret = auth.Secret("0123456789abcdef0123456789abcdef")

// world is a service with one operation for each scope, and the rows that the
// account service would write.
type world struct {
	pool     *pgxpool.Pool
	handler  http.Handler
	registry *prometheus.Registry
	tokens   *auth.Tokens
	who      *auth.Authenticator
}

func newWorld(t *testing.T, cfg auth.Config, pool *pgxpool.Pool, now func() time.Time) *world {
	t.Helper()
	tokens, err := auth.NewTokens(secret, now)
	require.NoError(t, err)
	registry := prometheus.NewRegistry()
	srv, err := server.New(server.Config{TrustedProxies: []string{"192.0.2.0/24"}}, zap.NewNop(), registry)
	require.NoError(t, err)
	who := auth.NewAuthenticator(cfg, pool, tokens, registry, now)
	srv.API.UseMiddleware(authhttp.Middleware(who))
	type output struct{ Body auth.Principal }
	tell := func(ctx context.Context) (*output, error) {
		p, _ := auth.Caller(ctx)
		r := server.RequestFrom(ctx)
		if r.UserID != p.UserID || r.ProjectID != p.ProjectID {
			t.Errorf("the access log will not know the caller: %+v", r)
		}
		return &output{Body: p}, nil
	}
	secured := func(method string, scope auth.Scope) huma.Operation {
		return authhttp.Secured(huma.Operation{OperationID: method + string(scope), Method: method, Path: "/" + string(scope)}, scope)
	}
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		for _, scope := range []auth.Scope{auth.ScopeIngest, auth.ScopeRead} {
			huma.Register(srv.API, secured(method, scope), func(ctx context.Context, _ *struct{ authhttp.ProjectParam }) (*output, error) { return tell(ctx) })
		}
		huma.Register(srv.API, secured(method, auth.ScopeAccount), func(ctx context.Context, _ *struct{}) (*output, error) { return tell(ctx) })
	}
	optional := authhttp.Secured(huma.Operation{OperationID: "optional", Method: http.MethodPost, Path: "/optional"}, auth.ScopeAccount)
	huma.Register(srv.API, authhttp.SameOrigin(authhttp.Optional(optional)), func(ctx context.Context, _ *struct{}) (*output, error) { return tell(ctx) })
	huma.Register(srv.API, huma.Operation{OperationID: "open", Method: http.MethodGet, Path: "/open"},
		func(ctx context.Context, _ *struct{}) (*struct{}, error) {
			if _, ok := auth.Caller(ctx); ok {
				t.Error("an open operation has a caller")
			}
			return nil, nil
		})
	return &world{pool: pool, handler: srv.Handler(), registry: registry, tokens: tokens, who: who}
}

func defaults(t *testing.T) *world {
	t.Helper()
	return newWorld(t, auth.Config{CacheFor: 0, HonourFor: 15 * time.Minute}, pgtest.New(t), time.Now)
}

func (w *world) login(t *testing.T, name string) authtest.User {
	t.Helper()
	return authtest.Login(t, w.pool, w.tokens, name)
}

const (
	memberSQL     = `INSERT INTO analytics.members (project_id, user_id, role) VALUES ($1, $2, $3)`
	revokeKeysSQL = `UPDATE analytics.api_keys SET revoked_at = now() WHERE project_id = $1`
)

func (w *world) addMember(t *testing.T, project, user int64, role auth.Role) {
	t.Helper()
	w.exec(t, memberSQL, project, user, role)
}

func (w *world) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	_, err := w.pool.Exec(t.Context(), sql, args...)
	require.NoError(t, err)
}
