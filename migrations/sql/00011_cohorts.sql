-- +goose Up

-- Named sets of a project's users. A version is never used twice, by no cohort: what was
-- found out of one can be remembered by it.
CREATE SEQUENCE analytics.cohort_versions;

CREATE TABLE analytics.cohorts (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    project_id  bigint      NOT NULL REFERENCES analytics.projects (id),
    name        text        NOT NULL,
    description text        NOT NULL,
    version     bigint      NOT NULL,
    -- The canonical JSON of a filter on users, or NULL for a list of them.
    filter      text,
    -- The cohorts that the filter names. They exist, and there is no circle of them:
    -- whoever writes locks the project's row.
    names       text[]      NOT NULL,
    -- How many users a list has.
    users       bigint      NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    changed_at  timestamptz NOT NULL DEFAULT now(),
    changed_by  bigint      NOT NULL REFERENCES analytics.users (id),
    UNIQUE (project_id, name)
);

-- The user ids of lists, in order, some thousands in a row, compressed (pkg/cohort). A row
-- for each user would take ten times the space.
CREATE TABLE analytics.cohort_users (
    cohort_id bigint  NOT NULL REFERENCES analytics.cohorts (id) ON DELETE CASCADE,
    version   bigint  NOT NULL,
    part      integer NOT NULL,
    users     bytea   NOT NULL,
    PRIMARY KEY (cohort_id, version, part)
);
