-- +goose Up

-- Keys that may do nothing but ask by SQL. Services of the previous version refuse a key
-- whose scope they do not know.
-- contract: the constraint is replaced by a wider one; nothing that was allowed is refused
ALTER TABLE analytics.api_keys
    DROP CONSTRAINT api_keys_scope_check,
    ADD CONSTRAINT api_keys_scope_check CHECK (scope IN ('ingest', 'read', 'browser', 'sql')) NOT VALID;
