-- Sets a new epoch, which invalidates all cursors. Run it in PostgreSQL after a restore, before any
-- program is started, or after promoting a standby that lacks the last transactions: the feed then
-- reuses the positions of lost events for other events. docs/operations.md has the details and the
-- statement for SQLite.
UPDATE feed_head SET epoch = floor(random() * 1000000000000000)::bigint;
