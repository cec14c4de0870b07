//! What the way to the database promises on both databases, and what signals do.

mod database;
mod lifecycle;
