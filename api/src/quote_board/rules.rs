//! The alert rules on the quote board.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use entity::AlertRule;

/// All rules, by id and by stock.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Rules {
    by_id: BTreeMap<i64, AlertRule>,
    /// The rules of each stock; those for all stocks under `None`.
    by_stock: HashMap<Option<i64>, BTreeSet<i64>>,
    default_rule: Option<i64>,
}

impl Rules {
    pub(super) fn new(rules: Vec<AlertRule>) -> Self {
        let mut all = Self::default();
        for rule in rules {
            all.insert(rule);
        }
        all
    }

    /// Applies a change.
    pub(super) fn apply(&mut self, rule: &AlertRule) {
        if rule.deleted {
            self.by_id.remove(&rule.id);
            if let Some(rules) = self.by_stock.get_mut(&rule.stock_id) {
                rules.remove(&rule.id);
            }
        } else {
            self.insert(rule.clone());
        }
    }

    fn insert(&mut self, rule: AlertRule) {
        if rule.is_default {
            self.default_rule = Some(rule.id);
        }
        let of_stock = self.by_stock.entry(rule.stock_id).or_default();
        of_stock.insert(rule.id);
        self.by_id.insert(rule.id, rule);
    }

    pub(super) fn by_id(&self, id: i64) -> Option<&AlertRule> {
        self.by_id.get(&id)
    }

    /// Returns the rules that apply to a stock, or all rules: the default rule first, then by id.
    pub(super) fn list(&self, stock: Option<i64>) -> Vec<&AlertRule> {
        let of = |stock| self.by_stock.get(&stock).into_iter().flatten().copied();
        let ids: BTreeSet<i64> = if stock.is_none() {
            self.by_id.keys().copied().collect()
        } else {
            of(None).chain(of(stock)).collect()
        };
        let is_default = |id: &i64| Some(*id) == self.default_rule;
        let users = ids.iter().copied().filter(|id| !is_default(id));
        let first = ids.iter().copied().filter(is_default);
        first.chain(users).filter_map(|id| self.by_id(id)).collect()
    }
}
