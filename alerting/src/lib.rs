//! Evaluates the alert rules that users define, over the prices of their symbols.
//!
//! One evaluator serves live prices, dry runs and tests. It is pure: it depends only on the rules,
//! their [states](State) and the [samples](Sample), reads no clock and does no I/O. Everything is
//! compared as exact integers.
//!
//! A [`RuleIndex`] keeps the rules of each symbol sorted by their thresholds, so that a price costs
//! O(log rules + fired + re-armed), however many rules exist.

mod condition;
mod convert;
mod firing;
mod group;
mod index;
mod rule;
mod sample;
mod scale;
mod split;
mod symbol_index;
mod validate;
mod volume;
mod window;

pub use self::{
    condition::{Basis, Condition},
    firing::{Evaluation, Firing, LevelChange, Progress, StateChange},
    index::RuleIndex,
    rule::{Reference, Rule, RuleStart, State},
    sample::Sample,
    split::adjust,
    validate::{InvalidSetting, validate},
    volume::AverageVolume,
    window::LOADED_WINDOW,
};
