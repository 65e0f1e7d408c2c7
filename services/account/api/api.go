// Package api is the HTTP side of accounts: registration, logins, projects,
// members and API keys. The rules are those of package store.
package api

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"eventanalytics/pkg/auth"
	authhttp "eventanalytics/pkg/auth/http"
	"eventanalytics/pkg/platform/ratelimit"
	"eventanalytics/services/account/store"
)

const (
	maxBody     = 64 << 10 // bytes: all requests are small
	readTimeout = 10 * time.Second
)

// Config of the account routes.
type Config struct {
	Registration string `env:"REGISTRATION" envDefault:"open" doc:"open: anyone may register; closed: accounts are created with the create-user command, or with an owner's invite"`
}

// Validate reports what is wrong.
func (c *Config) Validate() error {
	if c.Registration != "open" && c.Registration != "closed" {
		return fmt.Errorf("REGISTRATION is %q, neither open nor closed", c.Registration)
	}
	return nil
}

// Deps are what the routes work with.
type Deps struct {
	Sessions *store.Sessions
	Limiter  *ratelimit.Limiter
}

type handlers struct {
	cfg Config
	Deps
	lists chan struct{} // has one for each large list that is being read
}

// Register adds the account routes to api. The middleware of authhttp and
// ratelimit must already be in use.
func Register(api huma.API, cfg Config, deps Deps) {
	h := &handlers{cfg: cfg, Deps: deps, lists: make(chan struct{}, 1)}
	h.registerUser(api)
	h.registerLogin(api)
	h.registerSessions(api)
	h.registerProjects(api)
	h.registerMembers(api)
	h.registerInvitations(api)
	h.registerInvites(api)
	h.registerCohorts(api)
	h.registerBoards(api)
	h.registerAnnotations(api)
}

const (
	tagAccounts = "Accounts"
	tagProjects = "Projects"
)

// operation fills in what all operations share. errors are those specific to the
// operation; those that any of them can answer are added.
func operation(op huma.Operation, tag string, errors ...int) huma.Operation {
	op.Tags = []string{tag}
	op.MaxBodyBytes, op.BodyReadTimeout = maxBody, readTimeout
	if op.Method == http.MethodPost || op.Method == http.MethodPut || op.Method == http.MethodPatch {
		errors = append(errors, http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	op.Errors = append(op.Errors, append(errors, http.StatusUnprocessableEntity, http.StatusServiceUnavailable)...)
	return op
}

// own is an operation of a logged-in user.
func own(op huma.Operation, tag string, errors ...int) huma.Operation {
	return ratelimit.Limited(authhttp.Secured(operation(op, tag, errors...), auth.ScopeAccount), ratelimit.ClassAccount)
}

// aliased registers an operation through register, and once more under each alias,
// a path of the original service that the document does not show.
func aliased(op huma.Operation, register func(huma.Operation), aliases ...string) {
	register(op)
	for _, path := range aliases {
		alias := op
		alias.Path, alias.Hidden = path, true
		alias.OperationID = op.OperationID + strings.ReplaceAll(path, "/", "-")
		register(alias)
	}
}
