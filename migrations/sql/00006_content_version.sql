-- +goose Up

-- Which hash is in content. 1: of the properties as they were spelt, which tells
-- nothing about a resend in another spelling; such rows cause no conflict. NULL: of
-- the JSON value. New rows have NULL, because a column that is NULL takes no room:
-- any other value would make each row 8 bytes longer. The default is for the rows
-- that exist, of which it touches none, and for those that services of the previous
-- version add until they are replaced.
ALTER TABLE analytics.event_ids ADD COLUMN content_version smallint DEFAULT 1;
