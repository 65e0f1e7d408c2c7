-- +goose Up

-- The transaction that last wrote a row, so that a replica reads only what it does not
-- know yet: whatever a snapshot of the database did not see has an id that is not below
-- the snapshot's xmin. Triggers note it: workers of the previous version and people with
-- psql write rows too. A constant as default touches no row.
ALTER TABLE analytics.segments ADD COLUMN changed_xid xid8 NOT NULL DEFAULT '0';
ALTER TABLE analytics.project_versions ADD COLUMN changed_xid xid8 NOT NULL DEFAULT '0';
-- A row that is gone tells nobody: the highest changed_xid of deleted ones. Whoever may not
-- know those changes reads everything again.
ALTER TABLE analytics.sync_state ADD COLUMN deleted_xid xid8 NOT NULL DEFAULT '0';

CREATE INDEX segments_changed ON analytics.segments (changed_xid);
CREATE INDEX project_versions_changed ON analytics.project_versions (changed_xid);

-- +goose StatementBegin
CREATE FUNCTION analytics.note_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.changed_xid := pg_current_xact_id();
    RETURN NEW;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER note_change BEFORE INSERT OR UPDATE ON analytics.segments
    FOR EACH ROW EXECUTE FUNCTION analytics.note_change();
CREATE TRIGGER note_change BEFORE INSERT OR UPDATE ON analytics.project_versions
    FOR EACH ROW EXECUTE FUNCTION analytics.note_change();

-- The deletion of a replaced segment is no news for those who know that it was replaced.
-- +goose StatementBegin
CREATE FUNCTION analytics.note_deleted_segments() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    last xid8 := (SELECT CASE WHEN replaced_at IS NULL THEN pg_current_xact_id() ELSE changed_xid END AS x FROM deleted ORDER BY x DESC LIMIT 1);
BEGIN
    UPDATE analytics.sync_state SET deleted_xid = last WHERE deleted_xid < last;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER note_deleted AFTER DELETE ON analytics.segments
    REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT EXECUTE FUNCTION analytics.note_deleted_segments();

-- +goose StatementBegin
CREATE FUNCTION analytics.note_deleted_versions() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE analytics.sync_state SET deleted_xid = pg_current_xact_id() WHERE EXISTS (SELECT FROM deleted);
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER note_deleted AFTER DELETE ON analytics.project_versions
    REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT EXECUTE FUNCTION analytics.note_deleted_versions();

-- What the worker looks for after each load is few rows among very many.
CREATE INDEX segments_unmerged ON analytics.segments (project_id) WHERE replaced_at IS NULL AND level = 0;
CREATE INDEX segments_by_size ON analytics.segments (events) WHERE replaced_at IS NULL;
CREATE INDEX segments_unmeasured ON analytics.segments (id) WHERE replaced_at IS NULL AND raw_bytes IS NULL;
CREATE INDEX segments_without_rollup ON analytics.segments (id) WHERE replaced_at IS NULL AND rollup_bytes IS NULL;
CREATE INDEX segments_without_users ON analytics.segments (id) WHERE replaced_at IS NULL AND users_bytes IS NULL;
