-- +goose Up
CREATE SCHEMA analytics;

CREATE TABLE analytics.users (
    id            bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    username      text        NOT NULL,
    -- The name folded for comparison: "Ann" and "ann" are the same account.
    username_key  text        NOT NULL UNIQUE,
    email         text,
    full_name     text,
    password_hash text        NOT NULL,
    disabled      boolean     NOT NULL DEFAULT false,
    -- Access tokens issued before this instant are refused.
    tokens_valid_from timestamptz NOT NULL DEFAULT 'epoch',
    created_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE analytics.projects (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text        NOT NULL,
    -- Set for the project created with an account: the user's default.
    home_of    bigint      UNIQUE REFERENCES analytics.users (id),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE analytics.members (
    project_id bigint      NOT NULL REFERENCES analytics.projects (id),
    user_id    bigint      NOT NULL REFERENCES analytics.users (id),
    role       text        NOT NULL CHECK (role IN ('owner', 'editor', 'viewer')),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (project_id, user_id)
);
CREATE INDEX members_user ON analytics.members (user_id);

CREATE TABLE analytics.api_keys (
    id           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    project_id   bigint      NOT NULL REFERENCES analytics.projects (id),
    name         text        NOT NULL,
    scope        text        NOT NULL CHECK (scope IN ('ingest', 'read')),
    -- The first characters of the key, to recognise it by; the key itself is
    -- kept only as its SHA-256.
    prefix       text        NOT NULL,
    hash         bytea       NOT NULL UNIQUE,
    created_by   bigint      NOT NULL REFERENCES analytics.users (id),
    created_at   timestamptz NOT NULL DEFAULT now(),
    revoked_at   timestamptz
);
CREATE INDEX api_keys_project ON analytics.api_keys (project_id);

-- One row per login; refresh tokens of one login form a family that dies
-- together.
CREATE TABLE analytics.token_families (
    id         uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id    bigint      NOT NULL REFERENCES analytics.users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz
);
CREATE INDEX token_families_user ON analytics.token_families (user_id);

CREATE TABLE analytics.refresh_tokens (
    hash       bytea       PRIMARY KEY,
    family_id  uuid        NOT NULL REFERENCES analytics.token_families (id) ON DELETE CASCADE,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz
);
CREATE INDEX refresh_tokens_family ON analytics.refresh_tokens (family_id);
