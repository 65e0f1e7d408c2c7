-- +goose Up

-- Links that make whoever has one a member of a project, once. The secret of a link is kept
-- as its SHA-256; the row is deleted when it is used. It counts only while invited_by owns
-- the project, as with invitations.
CREATE TABLE analytics.invites (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    project_id bigint      NOT NULL REFERENCES analytics.projects (id),
    hash       bytea       NOT NULL UNIQUE CHECK (length(hash) = 32),
    role       text        NOT NULL CHECK (role IN ('owner', 'editor', 'viewer')),
    invited_by bigint      NOT NULL REFERENCES analytics.users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX invites_project ON analytics.invites (project_id);
