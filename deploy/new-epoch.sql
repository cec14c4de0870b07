-- For a database that was restored, before anything is started, or a standby that was promoted without the end: cursors of
-- before become unusable, as the feed now gives their places to other events. PostgreSQL; docs/operations.md tells why, and
-- the words for SQLite.
UPDATE feed_head SET epoch = floor(random() * 1000000000000000)::bigint;
