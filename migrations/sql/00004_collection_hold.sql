-- +goose Up

-- During a backup, files named by its dump must not be deleted: garbage collection
-- does nothing before hold_until, by the database's clock. A hold always expires,
-- so that a forgotten one does not fill the disk.
ALTER TABLE analytics.sync_state
    ADD COLUMN hold_until  timestamptz NOT NULL DEFAULT 'epoch',
    ADD COLUMN hold_reason text        NOT NULL DEFAULT '';
