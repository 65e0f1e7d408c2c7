-- +goose Up

-- Whether a project's segments are published as an Iceberg table, for engines of others.
ALTER TABLE analytics.projects ADD COLUMN lake boolean NOT NULL DEFAULT false;

-- The catalog of the published tables, as Iceberg's SQL catalogs (JDBC of Java, PyIceberg) read
-- it: these two tables have the names and columns that they expect, in a schema of their own,
-- so that a reader's role needs nothing else.
CREATE SCHEMA lake;
CREATE TABLE lake.iceberg_tables (
    catalog_name               varchar(255)  NOT NULL,
    table_namespace            varchar(255)  NOT NULL,
    table_name                 varchar(255)  NOT NULL,
    metadata_location          varchar(1000),
    previous_metadata_location varchar(1000),
    iceberg_type               varchar(5),
    PRIMARY KEY (catalog_name, table_namespace, table_name)
);
CREATE TABLE lake.iceberg_namespace_properties (
    catalog_name   varchar(255) NOT NULL,
    namespace      varchar(255) NOT NULL,
    property_key   varchar(255) NOT NULL,
    property_value varchar(1000),
    PRIMARY KEY (catalog_name, namespace, property_key)
);
INSERT INTO lake.iceberg_namespace_properties VALUES ('analytics', 'analytics', 'exists', 'true');

-- What the leading worker knows of the tables, beyond what the catalog says.
CREATE TABLE analytics.lake_tables (
    project_id        bigint  PRIMARY KEY,
    -- Names of metadata files have increasing numbers, also after a table was dropped: readers
    -- of the folder take the highest.
    files             bigint  NOT NULL,
    incarnation       integer NOT NULL, -- of the position when it was published
    metadata_location text,             -- NULL: there is no table now
    -- What the oldest listed snapshot may have missed: a segment that was replaced by a
    -- transaction from here on may be in a listed snapshot, and its file must stay.
    oldest_xmin       xid8    NOT NULL
);
