//! What the way to the database promises, on both databases.

mod database;
