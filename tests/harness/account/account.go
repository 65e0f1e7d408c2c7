// Package account makes what a run against the service needs first: a user, and
// API keys of a project.
package account

import (
	"context"
	"fmt"

	"eventanalytics/pkg/client"
)

// Password of every account that tests and measurements make.
const Password = "correct horse battery staple"

// Register makes an account and returns it with a client, configured as cfg says,
// that logs in to it.
func Register(ctx context.Context, cfg client.Config, username string) (*client.Client, *client.User, error) {
	c, err := As(cfg, username)
	if err != nil {
		return nil, nil, err
	}
	user, err := c.Register(ctx, username, Password)
	if err != nil {
		return nil, nil, fmt.Errorf("registering %s: %w", username, err)
	}
	return c, user, nil
}

// As returns a client that logs in to an account made by Register.
func As(cfg client.Config, username string) (*client.Client, error) {
	cfg.Username, cfg.Password = username, Password
	return client.New(cfg)
}

// Keys are API keys of one project.
type Keys struct{ Ingest, Read string }

// NewKeys makes a key of each scope.
func NewKeys(ctx context.Context, c *client.Client, project int64) (keys Keys, err error) {
	for scope, into := range map[string]*string{client.ScopeIngest: &keys.Ingest, client.ScopeRead: &keys.Read} {
		key, err := c.CreateKey(ctx, project, scope, scope)
		if err != nil {
			return Keys{}, fmt.Errorf("making a key with scope %s: %w", scope, err)
		}
		*into = key.Secret
	}
	return keys, nil
}
