//! The table `webhook_rules`: the rules that a webhook selects.

use sea_orm::entity::prelude::*;

/// A row of `webhook_rules`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_rules")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub webhook_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub rule_id: i64,
}

impl ActiveModelBehavior for ActiveModel {}
