-- Sets a new epoch, for a database that was restored, before anything is started, or for a standby that was promoted without
-- the last transactions. It invalidates all cursors, because the feed reuses their positions for other events. For PostgreSQL;
-- docs/operations.md has the details and the statement for SQLite.
UPDATE feed_head SET epoch = floor(random() * 1000000000000000)::bigint;
