package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// login holds the access token that all requests share.
type login struct {
	mu      sync.Mutex
	token   string
	expires time.Time // zero when the service did not say
}

// expiryMargin is how long before its end a token is no longer used: the request
// must reach the service in time.
const expiryMargin = 10 * time.Second

// valid returns the token that may be sent now, if there is one.
func (l *login) valid() (token string, ok bool) {
	ok = l.token != "" && (l.expires.IsZero() || time.Now().Before(l.expires))
	return l.token, ok
}

// expire forgets a token that was refused, unless there is a newer one.
func (l *login) expire(token string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.token == token {
		l.token = ""
	}
}

// renewable says whether another login can replace a credential that was refused.
func (c *Client) renewable(credential string) bool {
	return credential != "" && c.cfg.APIKey == ""
}

// credential returns the API key or an access token, for which it logs in when
// there is none: once, however many requests need it. It is empty for an
// anonymous client.
func (c *Client) credential(ctx context.Context) (string, error) {
	if c.cfg.APIKey != "" || c.cfg.Username == "" {
		return c.cfg.APIKey, nil
	}
	c.login.mu.Lock()
	defer c.login.mu.Unlock()
	if token, ok := c.login.valid(); ok {
		return token, nil
	}
	asked := time.Now()
	x := loginCall(c.cfg.Username, c.cfg.Password)
	r, err := c.send(ctx, x.request(), "")
	if err != nil {
		return "", err
	}
	if r.Status != x.want {
		return "", fmt.Errorf("logging in: %w", r.Problem())
	}
	tokens, err := read[Tokens](r, nil)
	if err != nil || tokens.Access == "" {
		return "", errors.New("logging in: the answer holds no token; is the URL right?")
	}
	c.login.token, c.login.expires = tokens.Access, time.Time{}
	if lifetime := time.Duration(tokens.ExpiresIn) * time.Second; lifetime > 0 {
		c.login.expires = asked.Add(max(lifetime-expiryMargin, lifetime/2))
	}
	return tokens.Access, nil
}
