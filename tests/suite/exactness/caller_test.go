package exactness

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// web keeps as many connections as the largest test has clients.
var web = &http.Client{
	Timeout:   2 * time.Minute,
	Transport: &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true},
}

// caller is a user with a project of its own.
type caller struct {
	token   string
	project int64
}

func newCaller(t *testing.T) *caller {
	t.Helper()
	return newCallerAt(t, gateway)
}

// newCallerAt makes the user at another base than the gateway.
func newCallerAt(t *testing.T, base string) *caller {
	t.Helper()
	name, c := "user-"+uuid.NewString(), &caller{}
	const password = "correct horse battery staple"
	var user struct {
		Project int64 `json:"project_id"`
	}
	c.askAt(t, base, http.MethodPost, "/api/auth/register", fmt.Sprintf(`{"username":%q,"password":%q}`, name, password), &user)
	c.project = user.Project
	var tokens struct {
		Access string `json:"access_token"`
	}
	c.askAt(t, base, http.MethodPost, "/api/auth/token", fmt.Sprintf(`{"username":%q,"password":%q}`, name, password), &tokens)
	c.token = tokens.Access
	return c
}

// ask asks the gateway for something that must succeed.
func (c *caller) ask(t *testing.T, method, path, body string, into any) {
	t.Helper()
	c.askAt(t, gateway, method, path, body, into)
}

func (c *caller) askAt(t *testing.T, base, method, path, body string, into any) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, base+path, bytes.NewBufferString(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	response, err := web.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Less(t, response.StatusCode, 300, "%s: %s", path, text)
	require.NoError(t, json.Unmarshal(text, into), "%s", text)
}

// answer to an upload: a receipt or, from 400 on, a problem.
type answer struct {
	status int
	header http.Header
	text   []byte

	Objects    int         `json:"obj_count"`
	Accepted   int         `json:"accepted"`
	Duplicates int         `json:"duplicates"`
	Rejected   int         `json:"rejected"`
	Errors     []eventFlaw `json:"errors"`
	Omitted    int         `json:"errors_omitted"`
	Position   string      `json:"position"`
	Type       string      `json:"type"`
}

type eventFlaw struct {
	Index int
	Code  string
}

func (a *answer) String() string { return fmt.Sprintf("%d %.300s", a.status, a.text) }

// post sends an upload once. The error is that of a connection without an
// answer, or of an answer that makes no sense.
func (c *caller) post(ctx context.Context, base string, u upload) (*answer, error) {
	return c.postBody(ctx, base, u, bytes.NewReader(u.body))
}

// postBody is post with a body that is not in u.
func (c *caller) postBody(ctx context.Context, base string, u upload, body io.Reader) (*answer, error) {
	where := base + "/api/events?" + url.Values{"atomic": {fmt.Sprint(u.atomic)}}.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, where, body)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	for name, value := range u.header {
		request.Header.Set(name, value)
	}
	response, err := web.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	a := &answer{status: response.StatusCode, header: response.Header}
	if a.text, err = io.ReadAll(response.Body); err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	if err := json.Unmarshal(a.text, a); err != nil {
		return nil, fmt.Errorf("reading the answer %s: %w", a, err)
	}
	if a.status == http.StatusAccepted && a.Objects != a.Accepted+a.Duplicates+a.Rejected {
		return nil, fmt.Errorf("the counts do not add up: %s", a)
	}
	return a, nil
}

// mustPost sends an upload whose events are all valid, and must be accepted or
// known.
func (c *caller) mustPost(ctx context.Context, base string, u upload, events int) (*answer, error) {
	a, err := c.post(ctx, base, u)
	if err != nil {
		return nil, err
	}
	if a.status != http.StatusAccepted || a.Objects != events || a.Rejected != 0 || len(a.Errors) != 0 {
		return nil, fmt.Errorf("posting %d valid events: %s", events, a)
	}
	return a, nil
}
