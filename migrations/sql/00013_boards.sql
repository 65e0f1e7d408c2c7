-- +goose Up

-- Pages of questions that the members of a project share. content is the JSON of range and
-- tiles, as package store of the account service writes it.
CREATE TABLE analytics.boards (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    project_id bigint      NOT NULL REFERENCES analytics.projects (id),
    name       text        NOT NULL,
    version    bigint      NOT NULL DEFAULT 1,
    content    text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now(),
    changed_by bigint      NOT NULL REFERENCES analytics.users (id)
);
CREATE INDEX boards_project ON analytics.boards (project_id);

-- What happened outside the events, such as a deploy: on a date, or at an instant.
CREATE TABLE analytics.annotations (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    project_id bigint      NOT NULL REFERENCES analytics.projects (id),
    day        date,
    instant    timestamptz,
    text       text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    changed_by bigint      NOT NULL REFERENCES analytics.users (id),
    CHECK ((day IS NULL) <> (instant IS NULL))
);
CREATE INDEX annotations_project ON analytics.annotations (project_id);
