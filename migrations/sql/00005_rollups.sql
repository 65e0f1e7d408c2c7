-- +goose Up

-- An integer for each user of a project, assigned permanently by the sync worker:
-- the warehouse counts these instead of text ids.
CREATE TABLE analytics.user_keys (
    project_id bigint  NOT NULL,
    user_id    text    COLLATE "C" NOT NULL,
    user_key   integer NOT NULL CHECK (user_key >= 0),
    PRIMARY KEY (project_id, user_id),
    UNIQUE (project_id, user_key)
);

-- The key for the next new user of a project. Assigning keys requires a lock on
-- the project's row.
CREATE TABLE analytics.user_key_counters (
    project_id bigint PRIMARY KEY,
    next_key   bigint NOT NULL DEFAULT 0
);

-- A segment's roll-up is beside its file. NULL in segments of workers that wrote
-- none; their files have no user_key either.
ALTER TABLE analytics.segments
    ADD COLUMN rollup_bytes  bigint,
    ADD COLUMN rollup_sha256 bytea CHECK (length(rollup_sha256) = 32),
    -- Properties that have a column of their own, as kind:key, such as text:country.
    ADD COLUMN shredded      text[] NOT NULL DEFAULT '{}';
