-- +goose Up

-- The ids of the columns that properties have in segments, by which readers of the Parquet
-- files know a column whatever its name. An id is assigned before the first file has it, and
-- is never changed nor used again: rows stay. Ids below 100 are for columns that all segments
-- have.
CREATE TABLE analytics.shredded_columns (
    project_id bigint  NOT NULL,
    name       text    COLLATE "C" NOT NULL, -- kind:key, such as text:country
    field_id   integer NOT NULL CHECK (field_id >= 100),
    PRIMARY KEY (project_id, name),
    UNIQUE (project_id, field_id)
);

-- Whether the columns of a segment's file have their ids. Workers of versions that knew none
-- leave it at false; the leading worker replaces such segments by copies.
ALTER TABLE analytics.segments ADD COLUMN field_ids boolean NOT NULL DEFAULT false;
CREATE INDEX segments_without_field_ids ON analytics.segments (id) WHERE replaced_at IS NULL AND NOT field_ids;
