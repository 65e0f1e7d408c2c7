-- +goose Up

-- What SDKs and callers claim of the ids of users, in the order of (incarnation, xid, seq):
-- the log that links are made from. incarnation is that of the position at which the
-- worker applied a claim; NULL while it has not.
CREATE TABLE analytics.identity_claims (
    xid         xid8        NOT NULL DEFAULT pg_current_xact_id(),
    seq         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    project_id  bigint      NOT NULL,
    kind        text        NOT NULL CHECK (kind IN ('known', 'link', 'merge', 'unlink')),
    from_id     text        NOT NULL,
    to_id       text        NOT NULL,
    made_by     text        NOT NULL,
    made_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    incarnation integer
);
CREATE INDEX identity_claims_pending ON analytics.identity_claims (xid, seq) WHERE incarnation IS NULL;
CREATE INDEX identity_claims_project ON analytics.identity_claims (project_id, incarnation, xid, seq);

-- What the claims up to the worker's position make of each id.
CREATE TABLE analytics.identity_ids (
    project_id bigint  NOT NULL,
    id         text    COLLATE "C" NOT NULL,
    known      boolean NOT NULL, -- it stood in a field for known users
    tied       boolean NOT NULL, -- it was linked once
    to_id      text    COLLATE "C" NOT NULL DEFAULT '', -- what it is linked to, or empty
    PRIMARY KEY (project_id, id)
);

-- Links, also those that were taken back, and those that were refused. link_id is the seq
-- of the claim. A link counts from its position (incarnation, xid) on, until its end.
CREATE TABLE analytics.identity_links (
    project_id      bigint      NOT NULL,
    link_id         bigint      NOT NULL,
    from_id         text        COLLATE "C" NOT NULL,
    to_id           text        COLLATE "C" NOT NULL,
    from_key        integer, -- keys of the users; NULL when it was refused
    to_key          integer,
    made_by         text        NOT NULL,
    made_at         timestamptz NOT NULL,
    refused         text        NOT NULL DEFAULT '', -- why, or empty
    incarnation     integer     NOT NULL,
    xid             bigint      NOT NULL,
    end_incarnation integer,
    end_xid         bigint,
    PRIMARY KEY (project_id, link_id)
);
CREATE UNIQUE INDEX identity_links_active ON analytics.identity_links (project_id, from_id)
    WHERE refused = '' AND end_xid IS NULL;
CREATE INDEX identity_links_position ON analytics.identity_links (project_id, incarnation, xid) WHERE refused = '';
CREATE INDEX identity_links_end ON analytics.identity_links (project_id, end_incarnation, end_xid) WHERE end_xid IS NOT NULL;
CREATE INDEX identity_links_from ON analytics.identity_links (project_id, from_id);
CREATE INDEX identity_links_to ON analytics.identity_links (project_id, to_id);
CREATE INDEX identity_links_refusals ON analytics.identity_links (project_id, link_id) WHERE refused <> '';
-- The same refusal again is no other.
CREATE UNIQUE INDEX identity_links_refused ON analytics.identity_links (project_id, md5(from_id), md5(to_id), refused)
    WHERE refused <> '';

-- Projects with links: how many are active, and the position of the last change.
CREATE TABLE analytics.identity_projects (
    project_id  bigint  PRIMARY KEY,
    links       integer NOT NULL,
    incarnation integer NOT NULL,
    xid         bigint  NOT NULL
);
