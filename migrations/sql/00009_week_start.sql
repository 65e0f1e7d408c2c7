-- +goose Up

-- The day that weeks of a project begin on where a question does not say.
ALTER TABLE analytics.projects ADD COLUMN week_start text NOT NULL DEFAULT 'monday'
    CHECK (week_start IN ('monday', 'sunday', 'saturday'));
