//! Compares the evaluator with a reference evaluator.

mod naive;
mod random;
