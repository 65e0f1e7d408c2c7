-- +goose Up

-- Identifies the pair of tokens that a refresh token was exchanged for, so that a
-- second use a moment later gets the same pair. NULL while unused, and in tokens
-- used before this version.
ALTER TABLE analytics.refresh_tokens ADD COLUMN issue_id uuid;
