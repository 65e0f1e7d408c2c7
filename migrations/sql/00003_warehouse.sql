-- +goose Up

-- The sync worker's state: one row. It advances only in the transaction that
-- inserts the segments it names, so that a batch is in the manifest exactly when
-- the position is past it.
CREATE TABLE analytics.sync_state (
    only_row          boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    -- The cluster whose transaction ids the position refers to. A restored dump
    -- is in another, with lower ids: reading on would silently skip batches.
    system_identifier bigint      NOT NULL DEFAULT (pg_control_system()).system_identifier,
    incarnation       integer     NOT NULL DEFAULT 1,
    xid               xid8        NOT NULL DEFAULT '0',
    seq               bigint      NOT NULL DEFAULT 0,
    -- Increases with every change of the manifest.
    version           bigint      NOT NULL DEFAULT 0,
    -- Every event acknowledged before this instant is in the manifest.
    complete_until    timestamptz NOT NULL DEFAULT 'epoch',
    -- The lease: who may write, until when, and the epoch that fences the rest.
    epoch             bigint      NOT NULL DEFAULT 0,
    leader            text,
    lease_until       timestamptz NOT NULL DEFAULT 'epoch'
);
INSERT INTO analytics.sync_state DEFAULT VALUES;

-- The manifest: the Parquet files that make up the warehouse.
CREATE TABLE analytics.segments (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    project_id  bigint      NOT NULL,
    path        text        NOT NULL UNIQUE, -- relative to the warehouse folder
    events      bigint      NOT NULL CHECK (events > 0),
    bytes       bigint      NOT NULL,
    sha256      bytea       NOT NULL CHECK (length(sha256) = 32),
    -- First and last occurred_at, both inclusive.
    min_at      timestamptz NOT NULL,
    max_at      timestamptz NOT NULL,
    level       integer     NOT NULL DEFAULT 0, -- how often its events were compacted
    epoch       bigint      NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    -- Set when a compaction replaced it; the file is deleted after the grace period.
    replaced_at timestamptz
);
CREATE INDEX segments_live ON analytics.segments (project_id) WHERE replaced_at IS NULL;
CREATE INDEX segments_replaced ON analytics.segments (replaced_at) WHERE replaced_at IS NOT NULL;

-- The manifest version that last added events to a project: part of the cache
-- key, so that an idle project's answers stay cached while others load.
CREATE TABLE analytics.project_versions (
    project_id bigint PRIMARY KEY,
    version    bigint NOT NULL
);

-- What could not be loaded, with the reason; the rest of its batch was loaded.
CREATE TABLE analytics.dead_letters (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    xid        xid8        NOT NULL,
    seq        bigint      NOT NULL,
    project_id bigint      NOT NULL,
    reason     text        NOT NULL,
    payload    text        NOT NULL, -- the lines as they were in the outbox
    created_at timestamptz NOT NULL DEFAULT now()
);
