-- +goose Up

-- A segment's events by user are in a third file beside its own. NULL in segments of
-- workers that wrote none; the leading worker makes it.
ALTER TABLE analytics.segments
    ADD COLUMN users_bytes  bigint,
    ADD COLUMN users_sha256 bytea CHECK (length(users_sha256) = 32);
