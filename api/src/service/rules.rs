//! The alert rules of users.
//!
//! A rule is evaluated by the tracker, from the first price that is recorded after it. Its change
//! is a feed entry, and is on the quote board before the mutation returns.

mod dry_run;
#[cfg(test)]
mod tests;

use alerting::{Condition, InvalidSetting, adjust, validate};
use entity::{AlertKind, AlertRule, ChangeBase, Decimal, PriceBasis, Symbol, Timestamp, Trigger};
use market::Market;
use store::{feed::FeedTransaction, rule};
use unicode_normalization::UnicodeNormalization;

pub(in crate::service) use dry_run::MAX_SAMPLES;
pub(crate) use dry_run::{NotFired, RuleTest, TestFiring};

use super::{Error, Service};

/// The settings of a new rule.
#[derive(Clone, Debug)]
pub(crate) struct NewRule {
    pub(crate) symbol: Option<Symbol>,
    pub(crate) name: Option<String>,
    pub(crate) note: Option<String>,
    pub(crate) kind: AlertKind,
    pub(crate) threshold: Decimal,
    pub(crate) base: Option<ChangeBase>,
    pub(crate) basis: PriceBasis,
    pub(crate) window_seconds: Option<i32>,
    pub(crate) hold_seconds: i32,
    pub(crate) trigger: Trigger,
    pub(crate) rearm_percent: Decimal,
    pub(crate) cooldown_seconds: i32,
    pub(crate) enabled: bool,
    pub(crate) expires_at: Option<Timestamp>,
}

/// A change of a rule. `None` keeps a setting, `Some(None)` clears it.
#[derive(Clone, Debug, Default)]
#[expect(
    clippy::option_option,
    reason = "the outer option is whether the setting changes"
)]
pub(crate) struct RuleUpdate {
    pub(crate) name: Option<Option<String>>,
    pub(crate) note: Option<Option<String>>,
    pub(crate) threshold: Option<Decimal>,
    pub(crate) base: Option<Option<ChangeBase>>,
    pub(crate) basis: Option<PriceBasis>,
    pub(crate) window_seconds: Option<i32>,
    pub(crate) hold_seconds: Option<i32>,
    pub(crate) trigger: Option<Trigger>,
    pub(crate) rearm_percent: Option<Decimal>,
    pub(crate) cooldown_seconds: Option<i32>,
    pub(crate) enabled: Option<bool>,
    pub(crate) expires_at: Option<Option<Timestamp>>,
}

impl From<InvalidSetting> for Error {
    fn from(invalid: InvalidSetting) -> Self {
        Self::bad_input(invalid.field, invalid.reason)
    }
}

impl Service {
    /// Returns the rules that apply to a stock, or all rules: the default rule first.
    pub(crate) fn rules(&self, stock: Option<i64>) -> Vec<AlertRule> {
        self.board.rules(stock)
    }

    /// Returns a rule, or `None` if it does not exist.
    pub(crate) fn rule(&self, id: i64) -> Option<AlertRule> {
        self.board.rule(id)
    }

    /// Creates a rule.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if the stock was never tracked, [`Error::BadInput`] for a setting that
    /// is invalid or does not go with the kind, and at the limit of rules.
    pub(crate) async fn create_rule(&self, new: NewRule) -> Result<AlertRule, Error> {
        let rule = self.checked_rule(new)?;
        self.check_expiry(rule.expires_at)?;
        let limit = self.rule_limit;
        let creating = async {
            let mut feed = FeedTransaction::begin(&self.store).await?;
            if rule::count(feed.connection()).await? >= limit {
                return Ok(None);
            }
            let mut rule = rule;
            self.set_level(&feed, &mut rule).await?;
            let rule = rule::create(&mut feed, rule).await?;
            Ok(Some((rule, feed.commit().await?)))
        };
        let Some((rule, end)) = self.while_connected(creating).await? else {
            let reason = format!("the limit of {limit} rules is reached; LIMIT_RULES raises it");
            return Err(Error::bad_input("input", reason));
        };
        self.board.wait_for(end.seq).await;
        Ok(rule)
    }

    /// Changes a rule. An update without a change has no effect.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if the rule does not exist, [`Error::Forbidden`] for the default rule,
    /// [`Error::BadInput`] for an invalid setting.
    pub(crate) async fn update_rule(
        &self,
        id: Option<i64>,
        update: RuleUpdate,
    ) -> Result<AlertRule, Error> {
        if let Some(expires_at) = update.expires_at {
            self.check_expiry(expires_at)?;
        }
        let id = id.ok_or_else(missing_rule)?;
        let updating = async {
            let mut feed = FeedTransaction::begin(&self.store).await?;
            let Some(old) = rule::by_ids(feed.connection(), &[id]).await?.pop() else {
                return Ok(Err(missing_rule()));
            };
            let mut rule = match changed(&old, update) {
                Ok(rule) => rule,
                Err(error) => return Ok(Err(error)),
            };
            if rule == old {
                return Ok(Ok((old, None)));
            }
            if rule.threshold != old.threshold {
                self.set_level(&feed, &mut rule).await?;
            }
            if rule.enabled && !old.enabled && self.has_left_range(&feed, &rule).await? {
                let reason = "a split took it out of the range of prices; set another one";
                return Ok(Err(Error::bad_input("threshold", reason)));
            }
            let restarts = begins_anew(&old, &rule);
            let rule = rule::update(&mut feed, rule, restarts).await?;
            Ok(Ok((rule, Some(feed.commit().await?))))
        };
        let (rule, end) = self.while_connected(updating).await??;
        if let Some(end) = end {
            self.board.wait_for(end.seq).await;
        }
        Ok(rule)
    }

    /// Deletes a rule. Its alerts remain.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if the rule does not exist, [`Error::Forbidden`] for the default rule.
    pub(crate) async fn delete_rule(&self, id: Option<i64>) -> Result<i64, Error> {
        let id = id.ok_or_else(missing_rule)?;
        let deleting = async {
            let mut feed = FeedTransaction::begin(&self.store).await?;
            let rule = rule::by_ids(feed.connection(), &[id]).await?.pop();
            let Some(rule) = rule else {
                return Ok(Err(missing_rule()));
            };
            if rule.is_default {
                return Ok(Err(default_rule()));
            }
            rule::delete(&mut feed, &rule).await?;
            Ok(Ok(feed.commit().await?))
        };
        let end = self.while_connected(deleting).await??;
        self.board.wait_for(end.seq).await;
        Ok(id)
    }

    /// Returns the rule with these settings, not stored yet.
    pub(crate) fn checked_rule(&self, new: NewRule) -> Result<AlertRule, Error> {
        let stock = match &new.symbol {
            Some(symbol) => Some(self.known_stock(symbol)?),
            None => None,
        };
        let is_percent = new.kind == AlertKind::PercentChange;
        let start = Timestamp::default();
        let rule = AlertRule {
            id: 0,
            stock_id: stock.as_ref().map(|stock| stock.id),
            symbol: stock.map(|stock| stock.symbol),
            is_default: false,
            name: new.name.as_deref().map(normalized),
            note: new.note,
            kind: new.kind,
            threshold: new.threshold,
            base: new
                .base
                .or_else(|| is_percent.then_some(ChangeBase::PreviousClose)),
            basis: new.basis,
            window_seconds: new.window_seconds,
            hold_seconds: new.hold_seconds,
            trigger: new.trigger,
            rearm_percent: new.rearm_percent,
            cooldown_seconds: new.cooldown_seconds,
            enabled: new.enabled,
            expires_at: new.expires_at,
            created_at: start,
            updated_at: None,
            set_threshold: Some(new.threshold),
            level_day: None,
            start_seq: 0,
            start_at: start,
            deleted: false,
        };
        validate(&rule)?;
        Ok(AlertRule {
            base: rule.base.filter(|_| is_percent),
            ..rule
        })
    }

    /// Notes that the threshold is a price in the shares of the stock's newest price.
    async fn set_level(
        &self,
        feed: &FeedTransaction,
        rule: &mut AlertRule,
    ) -> Result<(), store::Error> {
        rule.set_threshold = Some(rule.threshold);
        let (Some(stock), Some(symbol)) = (rule.stock_id, &rule.symbol) else {
            return Ok(());
        };
        let newest = store::price::latest(feed.connection(), &[stock])
            .await?
            .pop();
        let session = || Market::of(symbol).last_session(feed.now());
        rule.level_day = Some(newest.map_or_else(session, |price| price.trading_day));
        Ok(())
    }

    /// Whether splits took the level of a rule out of the range of prices.
    async fn has_left_range(
        &self,
        feed: &FeedTransaction,
        rule: &AlertRule,
    ) -> Result<bool, store::Error> {
        let level = Condition::of(rule).level();
        let (Some(stock), Some(level), Some(day)) = (rule.stock_id, level, rule.level_day) else {
            return Ok(false);
        };
        let connection = feed.connection();
        let newest = store::price::latest(connection, &[stock]).await?.pop();
        let splits = store::split::all(connection, stock).await?;
        let is_outside =
            |newest: entity::Price| adjust(&splits, level, day, newest.trading_day).is_none();
        Ok(newest.is_some_and(is_outside))
    }

    fn check_expiry(&self, expires_at: Option<Timestamp>) -> Result<(), Error> {
        if expires_at.is_some_and(|at| at <= self.store.clock.now()) {
            return Err(Error::bad_input("expiresAt", "must be in the future"));
        }
        Ok(())
    }
}

/// Returns a rule after an update.
fn changed(old: &AlertRule, update: RuleUpdate) -> Result<AlertRule, Error> {
    if old.is_default {
        return Err(default_rule());
    }
    let mut rule = old.clone();
    if let Some(name) = update.name {
        rule.name = name.as_deref().map(normalized);
    }
    if let Some(note) = update.note {
        rule.note = note;
    }
    if let Some(base) = update.base {
        rule.base = base;
    }
    if let Some(expires_at) = update.expires_at {
        rule.expires_at = expires_at;
    }
    rule.threshold = update.threshold.unwrap_or(rule.threshold);
    rule.basis = update.basis.unwrap_or(rule.basis);
    rule.window_seconds = update.window_seconds.or(rule.window_seconds);
    rule.hold_seconds = update.hold_seconds.unwrap_or(rule.hold_seconds);
    rule.trigger = update.trigger.unwrap_or(rule.trigger);
    rule.rearm_percent = update.rearm_percent.unwrap_or(rule.rearm_percent);
    rule.cooldown_seconds = update.cooldown_seconds.unwrap_or(rule.cooldown_seconds);
    rule.enabled = update.enabled.unwrap_or(rule.enabled);
    validate(&rule)?;
    rule.base = match rule.kind {
        AlertKind::PercentChange => rule.base.or(Some(ChangeBase::PreviousClose)),
        _ => None,
    };
    Ok(rule)
}

/// Whether a change makes the state of a rule begin anew.
fn begins_anew(old: &AlertRule, new: &AlertRule) -> bool {
    let settings = |rule: &AlertRule| {
        (
            rule.threshold,
            rule.base,
            rule.basis,
            rule.window_seconds,
            rule.hold_seconds,
            rule.trigger,
            rule.rearm_percent,
        )
    };
    settings(old) != settings(new) || (new.enabled && !old.enabled)
}

fn normalized(text: &str) -> String {
    text.nfc().collect()
}

fn missing_rule() -> Error {
    Error::NotFound("no alert rule has this id".to_owned())
}

fn default_rule() -> Error {
    Error::Forbidden("the default rule follows the setting ALERT_THRESHOLD")
}
