package upload

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/cenkalti/backoff/v5"
)

// login holds the access token that all requests share.
type login struct {
	mu    sync.Mutex
	token string
}

// expire discards a token that was refused, unless there is a newer one.
func (l *login) expire(token string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.token == token {
		l.token = ""
	}
}

// credentials returns the API key or an access token. If there is none it logs in,
// once for all concurrent callers.
func (c *Client) credentials(ctx context.Context) (string, error) {
	if c.cfg.APIKey != "" {
		return c.cfg.APIKey, nil
	}
	c.login.mu.Lock()
	defer c.login.mu.Unlock()
	if c.login.token != "" {
		return c.login.token, nil
	}
	form := url.Values{"username": {c.cfg.Username}, "password": {c.cfg.Password}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.cfg.URL+"/api/auth/token", strings.NewReader(form.Encode()))
	if err != nil {
		return "", backoff.Permanent(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r, err := c.send(request)
	if err != nil {
		return "", err
	}
	if r.status != http.StatusOK {
		return "", backoff.Permanent(&LoginError{r.refusal()})
	}
	var grant struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal(r.body, &grant); err != nil || grant.Token == "" {
		return "", backoff.Permanent(errors.New("logging in: the response has no token; is the URL correct?"))
	}
	c.login.token = grant.Token
	return grant.Token, nil
}

// LoginError is a refused login.
type LoginError struct{ Refusal *StatusError }

func (e *LoginError) Error() string { return "logging in: " + e.Refusal.Error() }

// Unwrap returns the refusal.
func (e *LoginError) Unwrap() error { return e.Refusal }
