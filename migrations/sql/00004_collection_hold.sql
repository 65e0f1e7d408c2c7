-- +goose Up

-- While a backup is made no file may go that its dump names: garbage collection
-- does nothing before hold_until, by the database's clock. A hold always ends,
-- so that a forgotten one does not fill the disk.
ALTER TABLE analytics.sync_state
    ADD COLUMN hold_until  timestamptz NOT NULL DEFAULT 'epoch',
    ADD COLUMN hold_reason text        NOT NULL DEFAULT '';
