-- +goose Up

-- About how many bytes the events of a segment take in memory: a merge is bounded by
-- that, since compressed bytes say nothing of it. NULL in segments of workers that
-- did not note it; the worker measures those before it merges them.
ALTER TABLE analytics.segments ADD COLUMN raw_bytes bigint;

-- Merges and upgrades of segments that were begun. A row goes in the transaction that
-- ends the rewrite, or when it fails. One of an earlier epoch was cut short, most
-- likely by the end of its process: its segments are passed over for a while, or they
-- might end each process.
CREATE TABLE analytics.rewrites (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    epoch      bigint      NOT NULL,
    project_id bigint      NOT NULL,
    segments   bigint[]    NOT NULL,
    -- How often a rewrite of some of these segments was begun and not ended.
    attempts   integer     NOT NULL DEFAULT 1,
    begun_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- How many event types and property names a project has. Adding one requires a lock
-- on the project's row.
CREATE TABLE analytics.project_names (
    project_id  bigint  PRIMARY KEY,
    event_types integer NOT NULL DEFAULT 0,
    properties  integer NOT NULL DEFAULT 0,
    -- False for a project that is older than this table, until the worker has
    -- collected the names from its segments; it is not bounded until then.
    counted     boolean NOT NULL DEFAULT true
);
CREATE INDEX project_names_uncounted ON analytics.project_names (project_id) WHERE NOT counted;
INSERT INTO analytics.project_names (project_id, counted) SELECT id, false FROM analytics.projects;

-- The event types and property names of each project, by hash: a property name may
-- have 32 KiB, more than an index takes.
CREATE TABLE analytics.names (
    project_id bigint   NOT NULL,
    kind       smallint NOT NULL CHECK (kind IN (1, 2)), -- 1: event type, 2: property
    hash       bytea    NOT NULL CHECK (length(hash) = 16), -- of SHA-256 over the name
    name       text     NOT NULL, -- its first 200 characters, for people
    PRIMARY KEY (project_id, kind, hash)
);
