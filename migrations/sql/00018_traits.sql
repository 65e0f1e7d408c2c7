-- +goose Up

-- What SDKs say of the properties of users and groups, in the order of (incarnation, xid,
-- seq): the log that properties are made from. incarnation is that of the position at which
-- the worker applied a change; NULL while it has not. Changes without effect leave the log.
CREATE TABLE analytics.trait_changes (
    xid         xid8    NOT NULL DEFAULT pg_current_xact_id(),
    seq         bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    project_id  bigint  NOT NULL,
    kind        text    NOT NULL CHECK (kind IN ('user', 'group', 'member')),
    type        text    NOT NULL, -- of a group, else empty
    id          text    NOT NULL, -- of the user, key of the group
    steps       text    NOT NULL, -- JSON
    incarnation integer
);
CREATE INDEX trait_changes_pending ON analytics.trait_changes (xid, seq) WHERE incarnation IS NULL;
CREATE INDEX trait_changes_order ON analytics.trait_changes (incarnation, xid, seq);

-- Properties as the changes up to the worker's position make them, those that were removed
-- included; (incarnation, xid, seq) is the place of the change that made one what it is.
-- Rows of kind member are the groups of a user: name is the type, value the key in JSON.
CREATE TABLE analytics.traits (
    project_id  bigint  NOT NULL,
    kind        text    COLLATE "C" NOT NULL,
    type        text    COLLATE "C" NOT NULL,
    id          text    COLLATE "C" NOT NULL,
    name        text    COLLATE "C" NOT NULL,
    value       text    COLLATE "C" NOT NULL, -- JSON; empty once it was removed
    once        boolean NOT NULL, -- set_once made it
    incarnation integer NOT NULL,
    xid         bigint  NOT NULL,
    seq         bigint  NOT NULL,
    PRIMARY KEY (project_id, kind, type, id, name)
);
CREATE INDEX traits_of_users ON analytics.traits (project_id, name, id) WHERE kind = 'user';
CREATE INDEX traits_of_members ON analytics.traits (project_id, name, value) WHERE kind = 'member';
