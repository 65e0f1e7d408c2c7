package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// User is an account.
type User struct {
	ID       int64  `json:"id"`
	Username string `json:"username"`
	Project  int64  `json:"project_id"` // the user's own
}

// Tokens are of a login.
type Tokens struct {
	Access    string `json:"access_token"`
	Refresh   string `json:"refresh_token"`
	Type      string `json:"token_type"`
	ExpiresIn int    `json:"expires_in"` // seconds, of the access token
}

// Project is a set of events that members share.
type Project struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
	Role string `json:"role"` // the caller's: owner, editor or viewer
}

// Key is an API key as it is made.
type Key struct {
	ID      int64  `json:"id"`
	Project int64  `json:"project_id"`
	Scope   string `json:"scope"`
	Secret  string `json:"key"` // shown only once
}

// Scopes of API keys.
const (
	ScopeIngest = "ingest" // may post events
	ScopeRead   = "read"   // may ask questions
)

// Register makes an account and its own project. It needs no credentials.
func (c *Client) Register(ctx context.Context, username, password string) (*User, error) {
	x := post("/api/auth/register", http.StatusCreated, object{"username": username, "password": password})
	x.anonymous, x.once = true, true
	return read[User](c.call(ctx, x))
}

// Me returns the account of the client's user name.
func (c *Client) Me(ctx context.Context) (*User, error) {
	return read[User](c.call(ctx, call{method: http.MethodGet, path: "/api/auth/me", want: http.StatusOK}))
}

// Login logs a user in, for callers that handle tokens themselves: a client with
// a user name and password needs no call of it.
func (c *Client) Login(ctx context.Context, username, password string) (*Tokens, error) {
	return read[Tokens](c.call(ctx, loginCall(username, password)))
}

func loginCall(username, password string) call {
	x := post("/api/auth/token", http.StatusOK, object{"username": username, "password": password})
	x.anonymous = true
	return x
}

// CreateProject makes a project that the caller owns.
func (c *Client) CreateProject(ctx context.Context, name string) (*Project, error) {
	x := post("/api/projects", http.StatusCreated, object{"name": name})
	x.once = true
	return read[Project](c.call(ctx, x))
}

// CreateKey makes an API key of a project that the caller owns.
func (c *Client) CreateKey(ctx context.Context, project int64, name, scope string) (*Key, error) {
	x := post(projectPath(project)+"/keys", http.StatusCreated, object{"name": name, "scope": scope})
	x.once = true
	return read[Key](c.call(ctx, x))
}

// RevokeKey ends an API key. It may go on working for some seconds.
func (c *Client) RevokeKey(ctx context.Context, project, key int64) error {
	_, err := c.call(ctx, call{
		method: http.MethodDelete, path: fmt.Sprintf("%s/keys/%d", projectPath(project), key), want: http.StatusNoContent,
	})
	return err
}

// Membership is what became of setting a member.
type Membership struct {
	UserID   int64  `json:"user_id"`
	Username string `json:"username"`
	Role     string `json:"role"`   // owner, editor or viewer
	Status   string `json:"status"` // member, or invited until the user accepts
}

// SetMember invites a user to a project that the caller owns, or changes a member's
// role: owner, editor or viewer.
func (c *Client) SetMember(ctx context.Context, project int64, username, role string) (*Membership, error) {
	x := post(projectPath(project)+"/members", http.StatusOK, object{"username": username, "role": role})
	x.or = http.StatusAccepted
	return read[Membership](c.call(ctx, x))
}

// AcceptInvitation makes the caller a member of a project they are invited to.
func (c *Client) AcceptInvitation(ctx context.Context, project int64) (*Project, error) {
	return read[Project](c.call(ctx, call{
		method: http.MethodPost, path: fmt.Sprintf("/api/invitations/%d/accept", project), want: http.StatusOK, once: true,
	}))
}

func projectPath(project int64) string { return fmt.Sprintf("/api/projects/%d", project) }

// Ready returns nil when the service, and with a gateway every service behind it,
// says that it is ready.
func (c *Client) Ready(ctx context.Context) error {
	_, err := c.call(ctx, call{method: http.MethodGet, path: "/readyz", want: http.StatusOK, anonymous: true})
	return err
}

type object map[string]string

// post is a call of a route that takes a small JSON object.
func post(path string, want int, value object) call {
	body, err := json.Marshal(value)
	if err != nil {
		panic(err) // of strings
	}
	return call{method: http.MethodPost, path: path, want: want, body: body, header: http.Header{"Content-Type": {"application/json"}}}
}
