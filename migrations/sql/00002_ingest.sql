-- +goose Up

-- The ledger: one row per event ever accepted, kept forever. It alone decides
-- whether an event is new. Not partitioned: by time its key could not be
-- enforced, by hash COPY flushes partition by partition and overlapping batches
-- deadlock.
CREATE TABLE analytics.event_ids (
    event_id   uuid   NOT NULL,
    project_id bigint NOT NULL,
    -- Hash of the event's content; it labels conflicts, never decides identity.
    content    bigint NOT NULL,
    PRIMARY KEY (event_id, project_id)
);

-- The outbox: one row per accepted batch of at most 20,000 events. The payload
-- has one line per event (pkg/outbox says how a line is written) and is
-- compressed by Postgres, so that psql can read it: see analytics.outbox_events.
CREATE TABLE analytics.outbox (
    day        date        NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')::date,
    xid        xid8        NOT NULL DEFAULT pg_current_xact_id(),
    seq        bigint      GENERATED ALWAYS AS IDENTITY,
    project_id bigint      NOT NULL,
    events     integer     NOT NULL CHECK (events BETWEEN 1 AND 20000),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    payload    text        NOT NULL,
    PRIMARY KEY (day, seq)
) PARTITION BY RANGE (day);
CREATE INDEX outbox_order ON analytics.outbox (xid, seq);

-- lz4 costs a tenth of pglz's CPU; a server built without it falls back.
-- +goose StatementBegin
DO $$
BEGIN
    ALTER TABLE analytics.outbox ALTER COLUMN payload SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
    RAISE NOTICE 'this server has no lz4: the outbox is compressed with pglz';
END
$$;
-- +goose StatementEnd

-- Creates the outbox partitions from today (UTC, the database's clock) to
-- days_ahead from now. CREATE … PARTITION OF would lock the outbox against
-- inserts; attaching a ready table does not.
-- +goose StatementBegin
CREATE FUNCTION analytics.create_outbox_partitions(days_ahead integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    today date := (now() AT TIME ZONE 'UTC')::date;
    d     date;
    name  text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('analytics.create_outbox_partitions', 0));
    FOR i IN 0..days_ahead LOOP
        d := today + i;
        name := 'outbox_' || to_char(d, 'YYYYMMDD');
        IF to_regclass('analytics.' || name) IS NULL THEN
            EXECUTE format('CREATE TABLE analytics.%I (LIKE analytics.outbox INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING COMPRESSION)', name);
            EXECUTE format('ALTER TABLE analytics.outbox ATTACH PARTITION analytics.%I FOR VALUES FROM (%L) TO (%L)', name, d, d + 1);
        END IF;
    END LOOP;
END
$$;
-- +goose StatementEnd
SELECT analytics.create_outbox_partitions(30);

-- One field of a payload line with its escapes (\\, \t, \n, \r) undone. chr(1)
-- stands in for a backslash until the end: no field can contain it.
CREATE FUNCTION analytics.outbox_field(line text, n integer) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT replace(replace(replace(replace(replace(split_part(line, E'\t', n),
        '\\', chr(1)), '\t', E'\t'), '\n', E'\n'), '\r', E'\r'), chr(1), '\')
$$;

-- The events of the outbox as rows, for use with psql.
CREATE VIEW analytics.outbox_events AS
SELECT o.day, o.xid, o.seq, o.project_id, o.created_at,
       split_part(line, E'\t', 1)::uuid                                                       AS event_id,
       timestamptz 'epoch' + split_part(line, E'\t', 2)::bigint * interval '1 microsecond'     AS occurred_at,
       analytics.outbox_field(line, 3)                                                        AS user_id,
       analytics.outbox_field(line, 4)                                                        AS event_type,
       nullif(analytics.outbox_field(line, 5), '')                                            AS properties
FROM analytics.outbox AS o
CROSS JOIN LATERAL regexp_split_to_table(rtrim(o.payload, E'\n'), E'\n') AS line;

-- Responses kept for Idempotency-Key, for 24 hours.
CREATE TABLE analytics.idempotency_keys (
    project_id bigint      NOT NULL,
    key        text        NOT NULL,
    request    bytea       NOT NULL, -- SHA-256 over the decompressed body and "atomic"
    status     integer     NOT NULL,
    answer     bytea       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (project_id, key)
);
CREATE INDEX idempotency_keys_age ON analytics.idempotency_keys (created_at);
