-- +goose Up

-- Links by which people without an account see a board as it was at a version: content is
-- that of the board. The secret of a link is kept as its SHA-256. last_used_at is written
-- once an hour at most; NULL: not yet.
CREATE TABLE analytics.shares (
    id           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    board_id     bigint      NOT NULL REFERENCES analytics.boards (id) ON DELETE CASCADE,
    hash         bytea       NOT NULL UNIQUE CHECK (length(hash) = 32),
    name         text        NOT NULL,
    version      bigint      NOT NULL,
    content      text        NOT NULL,
    -- When the content was taken. Dates of questions are relative to it unless they move.
    as_of        timestamptz NOT NULL DEFAULT now(),
    moving       boolean     NOT NULL,
    created_by   bigint      NOT NULL REFERENCES analytics.users (id),
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    last_used_at timestamptz
);
CREATE INDEX shares_board ON analytics.shares (board_id);
