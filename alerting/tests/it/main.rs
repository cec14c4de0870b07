//! Compares the evaluator with a reference evaluator.

mod random;
