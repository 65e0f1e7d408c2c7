-- +goose Up

-- Logins of browsers: each a family whose cookie is kept as its SHA-256. A login ends
-- with its family, at expires_at, or a month after last_used_at, which is written once
-- an hour at most.
CREATE TABLE analytics.web_sessions (
    hash         bytea       PRIMARY KEY CHECK (length(hash) = 32),
    family_id    uuid        NOT NULL UNIQUE REFERENCES analytics.token_families (id) ON DELETE CASCADE,
    expires_at   timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL
);

-- What a client called itself when it logged in, for people to recognise their logins.
ALTER TABLE analytics.token_families ADD COLUMN agent text NOT NULL DEFAULT '';

-- When a key was last used, within an hour. NULL: not since this was noted.
ALTER TABLE analytics.api_keys ADD COLUMN last_used_at timestamptz;

-- The time zone that people look at the project in.
ALTER TABLE analytics.projects ADD COLUMN timezone text NOT NULL DEFAULT 'UTC';
