//! Changes of the rules of a random history.

use entity::{AlertRule, Timestamp};

use super::{
    super::{
        super::{NewRule, RuleUpdate},
        random_rule,
    },
    History,
};

impl History {
    pub(super) async fn change_something(&mut self) {
        if self.random.percent(25) {
            let count = self.random.between(1, 6);
            self.create(count).await;
            return;
        }
        let ids: Vec<i64> = self.rules.keys().copied().collect();
        let id = self.random.choose(&ids);
        let has_level = random_rule::is_level(self.rules[&id].rule.kind);
        let in_range = !has_level || self.trial.naive.level(id).is_some();
        let update = match self.random.between(1, 9) {
            1..=3 if in_range && !self.unsettled => self.new_settings(id),
            4 => RuleUpdate {
                cooldown_seconds: Some(random_rule::cooldown(&mut self.random)),
                ..RuleUpdate::default()
            },
            5 => RuleUpdate {
                name: Some(Some("another name".to_owned())),
                ..RuleUpdate::default()
            },
            6..=7 if in_range && !self.unsettled => RuleUpdate {
                enabled: Some(true),
                ..RuleUpdate::default()
            },
            8 => RuleUpdate {
                enabled: Some(false),
                ..RuleUpdate::default()
            },
            9 => {
                self.trial.delete(id).await;
                self.rules.remove(&id);
                return;
            }
            _ => return,
        };
        let (rule, restarted) = self.trial.update(id, update).await;
        let known = self.rules.get_mut(&id).expect("the rule exists");
        let unchanged = settings(&known.rule) == settings(&rule);
        known.is_special = if restarted {
            !rule.enabled
        } else {
            known.is_special || !unchanged
        };
        known.rule = rule;
    }

    /// Draws settings of which some begin the state anew.
    fn new_settings(&mut self, id: i64) -> RuleUpdate {
        let rule = &self.rules[&id].rule;
        let stock = rule.stock_id;
        let mut new = NewRule {
            symbol: rule.symbol.clone(),
            name: None,
            note: None,
            kind: rule.kind,
            threshold: rule.threshold,
            base: rule.base,
            basis: rule.basis,
            window_seconds: rule.window_seconds,
            hold_seconds: rule.hold_seconds,
            trigger: rule.trigger,
            rearm_percent: rule.rearm_percent,
            cooldown_seconds: rule.cooldown_seconds,
            enabled: true,
            expires_at: None,
        };
        let market = self.markets.iter().position(|it| Some(it.stock) == stock);
        let (level, _) = self.level(market.unwrap_or_default());
        random_rule::redraw(&mut self.random, &mut new, level);
        let keeps_threshold = self.random.percent(50);
        RuleUpdate {
            threshold: (!keeps_threshold).then_some(new.threshold),
            base: Some(new.base),
            basis: Some(new.basis),
            window_seconds: new.window_seconds,
            hold_seconds: Some(new.hold_seconds),
            trigger: Some(new.trigger),
            rearm_percent: Some(new.rearm_percent),
            cooldown_seconds: Some(new.cooldown_seconds),
            ..RuleUpdate::default()
        }
    }
}

/// The settings whose change makes a dry run differ from the past.
fn settings(rule: &AlertRule) -> (i32, bool, Option<Timestamp>) {
    (rule.cooldown_seconds, rule.enabled, rule.expires_at)
}
