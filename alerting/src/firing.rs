//! What the evaluation of a sample results in.

use entity::{Decimal, Direction};

use crate::{Reference, State};

/// The result of evaluating a sample or a split. Everything in it is to be stored in the
/// transaction of the price.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evaluation {
    /// The firings, by rule, UP before DOWN.
    pub firings: Vec<Firing>,
    /// The states that changed.
    pub states: Vec<StateChange>,
    /// The references of rules that changed.
    pub references: Vec<(i64, Reference)>,
    /// The levels that splits changed.
    pub levels: Vec<LevelChange>,
    /// How far the rules came, whether or not they fired.
    pub progress: Progress,
}

/// How far the rules came with a sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Progress {
    /// No rule had everything that it compares.
    #[default]
    NoReference,
    /// No rule was true.
    False,
    /// A rule was true, but has not held long enough.
    NotHeld,
}

/// A rule that fires for a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Firing {
    /// The rule.
    pub rule: i64,
    /// The direction.
    pub direction: Direction,
    /// The threshold of the rule, in the units of the sample.
    pub threshold: Decimal,
    /// What the price was compared with; `None` for a volume.
    pub reference: Option<Decimal>,
    /// The change from the reference in percent, to 4 decimals; `None` for a volume.
    pub change_percent: Option<Decimal>,
    /// The high or low of the session that touched the level, if the price itself did not reach
    /// it.
    pub touched: Option<Decimal>,
    /// Whether the rule is disabled because it fires once.
    pub disables: bool,
}

/// The new state of a rule for the symbol and a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateChange {
    /// The rule.
    pub rule: i64,
    /// The direction.
    pub direction: Direction,
    /// The state.
    pub state: State,
}

/// The new level of a rule after a split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LevelChange {
    /// The rule.
    pub rule: i64,
    /// The level; `None` if it left the range of prices, which disables the rule.
    pub level: Option<Decimal>,
}
