-- +goose Up

-- Keys for web pages, where they are public: they may post by vendors' SDKs and nothing
-- else, from the origins given if there are any. Services of the previous version refuse
-- a key whose scope they do not know.
-- contract: the constraint is replaced by a wider one; nothing that was allowed is refused
ALTER TABLE analytics.api_keys
    ADD COLUMN origins text[] NOT NULL DEFAULT '{}',
    DROP CONSTRAINT api_keys_scope_check,
    ADD CONSTRAINT api_keys_scope_check CHECK (scope IN ('ingest', 'read', 'browser')) NOT VALID;

-- What SDKs say of users and groups, such as identify: no activity. Their order is that of
-- (xid, place, seq): rows are inserted by operation_id, and the operations of one request
-- keep the order they have in it. payload is the JSON as sent.
CREATE TABLE analytics.operations (
    operation_id uuid        NOT NULL,
    project_id   bigint      NOT NULL,
    xid          xid8        NOT NULL DEFAULT pg_current_xact_id(),
    seq          bigint      GENERATED ALWAYS AS IDENTITY,
    occurred_at  bigint      NOT NULL, -- microseconds since 1970 UTC
    received_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    protocol     text        NOT NULL,
    kind         text        NOT NULL,
    user_id      text        NOT NULL,
    payload      text        NOT NULL,
    place        integer     NOT NULL, -- in its request, from 0
    PRIMARY KEY (operation_id, project_id)
);
CREATE INDEX operations_order ON analytics.operations (xid, place, seq);

-- The quarantine: events of SDKs that break a rule. Their ids are free until they are
-- accepted.
CREATE TABLE analytics.rejected_events (
    event_id      uuid        NOT NULL,
    project_id    bigint      NOT NULL,
    received_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    request_index integer     NOT NULL,
    protocol      text        NOT NULL,
    reason        text        NOT NULL,
    message       text        NOT NULL,
    payload       text        NOT NULL,
    whole         boolean     NOT NULL, -- payload is not cut
    envelope      text        NOT NULL,
    key_id        bigint      NOT NULL,
    PRIMARY KEY (event_id, project_id)
);
CREATE INDEX rejected_events_of_project ON analytics.rejected_events (project_id, received_at, event_id);
CREATE INDEX rejected_events_age ON analytics.rejected_events (received_at);

-- Random bytes of a day (UTC), destroyed after two: what visitors' hashes are made with
-- cannot be found again.
CREATE TABLE analytics.visitor_salts (
    day  date  PRIMARY KEY,
    salt bytea NOT NULL
);
