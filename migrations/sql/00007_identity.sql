-- +goose Up

-- Identifies the pair of tokens that a refresh token was exchanged for, so that a
-- second use a moment later gets the same pair. NULL while unused, and in tokens
-- used before this version.
ALTER TABLE analytics.refresh_tokens ADD COLUMN issue_id uuid;

-- Networks from which a user logged in lately: they may try to log in while others
-- guess the password. As HMACs, since all IPv4 addresses are quickly tried.
CREATE TABLE analytics.login_networks (
    user_id bigint      NOT NULL REFERENCES analytics.users (id),
    hash    bytea       NOT NULL CHECK (length(hash) = 32),
    seen_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, hash)
);

-- SHA-256 of the form of the name in which look-alikes are equal, which can be many
-- times as long as the name. The account service fills it in, also where it is NULL: in rows of earlier versions, or once its rules change.
-- Not unique: earlier versions admitted look-alikes, and they keep their names.
ALTER TABLE analytics.users ADD COLUMN username_skeleton bytea CHECK (length(username_skeleton) = 32);
CREATE INDEX users_username_skeleton ON analytics.users (username_skeleton);
CREATE INDEX users_without_skeleton ON analytics.users (id) WHERE username_skeleton IS NULL;

-- Users who were asked to become members. The row is deleted by the answer. It counts
-- only while the one who asked owns the project and is not disabled, and for 30 days.
CREATE TABLE analytics.invitations (
    project_id bigint      NOT NULL REFERENCES analytics.projects (id),
    user_id    bigint      NOT NULL REFERENCES analytics.users (id),
    role       text        NOT NULL CHECK (role IN ('owner', 'editor', 'viewer')),
    invited_by bigint      NOT NULL REFERENCES analytics.users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (project_id, user_id)
);
CREATE INDEX invitations_user ON analytics.invitations (user_id);
