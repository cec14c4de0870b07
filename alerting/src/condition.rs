//! The condition of a rule.

use std::time::Duration;

use entity::{AlertKind, ChangeBase, Decimal, Direction};

pub use entity::PriceBasis as Basis;

/// When a rule is true for a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The price is at or above a level.
    Above {
        /// The level.
        level: Decimal,
        /// Whether a touch between two samples counts.
        basis: Basis,
    },
    /// The price is at or below a level.
    Below {
        /// The level.
        level: Decimal,
        /// Whether a touch between two samples counts.
        basis: Basis,
    },
    /// The price moves from below a level to it or above.
    CrossesAbove {
        /// The level.
        level: Decimal,
    },
    /// The price moves from above a level to it or below.
    CrossesBelow {
        /// The level.
        level: Decimal,
    },
    /// The price differs from a reference by at least a percentage.
    PercentChange {
        /// The percentage.
        percent: Decimal,
        /// The reference.
        base: ChangeBase,
    },
    /// The price differs by at least a percentage from the lowest or highest price of a window
    /// before it.
    ChangeInWindow {
        /// The percentage.
        percent: Decimal,
        /// The length of the window.
        window: Duration,
    },
    /// The volume of the session is at least a multiple of the average volume.
    VolumeSpike {
        /// The multiple.
        multiple: Decimal,
    },
}

impl Condition {
    /// The kind of the condition.
    pub const fn kind(&self) -> AlertKind {
        match self {
            Self::Above { .. } => AlertKind::PriceAbove,
            Self::Below { .. } => AlertKind::PriceBelow,
            Self::CrossesAbove { .. } => AlertKind::CrossesAbove,
            Self::CrossesBelow { .. } => AlertKind::CrossesBelow,
            Self::PercentChange { .. } => AlertKind::PercentChange,
            Self::ChangeInWindow { .. } => AlertKind::ChangeInWindow,
            Self::VolumeSpike { .. } => AlertKind::VolumeSpike,
        }
    }

    /// The price level, which splits adjust.
    pub const fn level(&self) -> Option<Decimal> {
        match self {
            Self::Above { level, .. }
            | Self::Below { level, .. }
            | Self::CrossesAbove { level }
            | Self::CrossesBelow { level } => Some(*level),
            _ => None,
        }
    }

    /// The threshold: the level, the percentage or the multiple.
    pub const fn threshold(&self) -> Decimal {
        match self {
            Self::Above { level, .. }
            | Self::Below { level, .. }
            | Self::CrossesAbove { level }
            | Self::CrossesBelow { level } => *level,
            Self::PercentChange { percent, .. } | Self::ChangeInWindow { percent, .. } => *percent,
            Self::VolumeSpike { multiple } => *multiple,
        }
    }

    /// The directions in which the condition is evaluated, each with its own state.
    pub(crate) const fn directions(&self) -> &'static [Direction] {
        match self {
            Self::Above { .. } | Self::CrossesAbove { .. } | Self::VolumeSpike { .. } => {
                &[Direction::Up]
            }
            Self::Below { .. } | Self::CrossesBelow { .. } => &[Direction::Down],
            Self::PercentChange { .. } | Self::ChangeInWindow { .. } => {
                &[Direction::Up, Direction::Down]
            }
        }
    }

    /// Whether the condition is a crossing, which is true for one sample only.
    pub(crate) const fn is_crossing(&self) -> bool {
        matches!(self, Self::CrossesAbove { .. } | Self::CrossesBelow { .. })
    }

    /// Whether the reference is the price of the rule's last alert.
    pub(crate) const fn follows_alerts(&self) -> bool {
        matches!(
            self,
            Self::PercentChange {
                base: ChangeBase::LastAlert,
                ..
            }
        )
    }

    /// Whether a new trading day re-arms the rule.
    pub(crate) const fn rearms_daily(&self) -> bool {
        matches!(
            self,
            Self::PercentChange {
                base: ChangeBase::PreviousClose | ChangeBase::Open,
                ..
            } | Self::VolumeSpike { .. }
        )
    }
}
