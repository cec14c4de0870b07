//! Changes of rules and splits, as the API makes them.

use alerting::Rule;
use chrono::NaiveDate;
use entity::{AlertRule, Ratio, Split};
use store::{rule, split};

use super::{
    super::super::{NewRule, RuleUpdate, begins_anew, changed},
    PROVIDER, Trial,
};

impl Trial {
    /// Creates rules as the API does.
    pub(in super::super) async fn create(&mut self, new: Vec<NewRule>) -> Vec<AlertRule> {
        let mut feed = self.begin().await;
        let mut created = Vec::new();
        for new in new {
            let mut rule = self.service.checked_rule(new).expect("a valid rule");
            let level = self.service.set_level(&feed, &mut rule).await;
            level.expect("the newest price");
            created.push(rule::create(&mut feed, rule).await.expect("create"));
        }
        feed.commit().await.expect("commit");
        for rule in &created {
            self.naive.set_rule(Rule::from(rule));
        }
        created
    }

    /// Changes a rule as the API does. Returns it, and whether its state began anew.
    pub(in super::super) async fn update(
        &mut self,
        id: i64,
        update: RuleUpdate,
    ) -> (AlertRule, bool) {
        let mut feed = self.begin().await;
        let old = rule::by_ids(feed.connection(), &[id]).await.expect("rules");
        let old = old.into_iter().next().expect("the rule exists");
        let mut rule = changed(&old, update).expect("a valid rule");
        if rule.threshold != old.threshold {
            let level = self.service.set_level(&feed, &mut rule).await;
            level.expect("the newest price");
        }
        let restarts = begins_anew(&old, &rule);
        let rule = rule::update(&mut feed, rule, restarts)
            .await
            .expect("update");
        feed.commit().await.expect("commit");
        self.naive.set_rule(Rule::from(&rule));
        (rule, restarts)
    }

    /// Deletes a rule.
    pub(in super::super) async fn delete(&mut self, id: i64) {
        let mut feed = self.begin().await;
        let rules = rule::by_ids(feed.connection(), &[id]).await.expect("rules");
        rule::delete(&mut feed, &rules[0]).await.expect("delete");
        feed.commit().await.expect("commit");
        self.naive.remove_rule(id);
        self.deleted.insert(id);
    }

    /// Records or removes the split of a day.
    pub(in super::super) async fn split(
        &mut self,
        stock: i64,
        day: NaiveDate,
        ratio: Option<Ratio>,
    ) {
        let mut feed = self.begin().await;
        if let Some(ratio) = ratio {
            let split = Split {
                effective_on: day,
                ratio,
            };
            let recorded = split::record(&mut feed, stock, &[split], PROVIDER).await;
            recorded.expect("record the split");
        } else {
            let removed = split::remove(&mut feed, stock, day).await;
            removed.expect("remove the split");
        }
        feed.commit().await.expect("commit");
        self.read_splits(stock).await;
    }
}
