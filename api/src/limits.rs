//! Limits of the GraphQL transports, from the settings: connection limits, query complexity,
//! timeouts.
//!
//! Limits without a setting are derived from those that have one, so that they never restrict more.

use std::{sync::Arc, time::Duration};

use runtime::config::LimitSettings;
use transport::{Documents, Limits, PageSizes};

use crate::service::{CANDLES, GRAPHQL};

/// Maximum number of selections, including fragments, per field that an operation may have.
const SELECTIONS: u64 = 5;

/// Returns the transports' limits. `grace` is the timeout of a graceful shutdown, of which the
/// departure of a socket may take a twentieth.
pub(crate) fn limits(settings: &LimitSettings, grace: Duration) -> Limits {
    let mut limits = Limits {
        body_bytes: settings.body,
        body_timeout: settings.body_time,
        prepared_bytes: settings.prepared,
        execution_timeout: settings.execution_time,
        message_bytes: settings.message,
        init_timeout: settings.init_time,
        heartbeat_interval: settings.silence * 2 / 5,
        idle_timeout: settings.silence,
        write_timeout: settings.write_time,
        operations_per_socket: settings.operations as usize,
        connections: settings.sockets as usize,
        connections_per_address: settings.sockets_per_address as usize,
        ..Limits::default()
    };
    limits.drain_timeout = limits.drain_timeout.min(grace / 20);
    let budget = &mut limits.budget;
    budget.bytes = settings.document;
    budget.tokens = settings.tokens as usize;
    budget.depth = settings.depth.into();
    // Each field may be in its own fragment.
    budget.levels = budget.levels.max(2 * budget.depth + 2);
    budget.aliases = settings.aliases as usize;
    budget.directives = settings.directives as usize;
    budget.root_fields = settings.root_fields.into();
    budget.fields = settings.fields.into();
    budget.selections = SELECTIONS * budget.fields;
    budget.cost = settings.cost.into();
    budget.list_sizes = Arc::new(sizes());
    limits
}

/// The page sizes of the schema's lists, for the cost of an operation.
fn sizes() -> PageSizes {
    let most = u64::from(GRAPHQL.most);
    let default = u64::from(GRAPHQL.default);
    ["stocks", "history", "alerts"]
        .into_iter()
        .fold(PageSizes::new(most), |sizes, list| {
            sizes.with_list(list, default)
        })
        .with_list("searchSymbols", default)
        .with_long_list("candles", CANDLES.default.into(), CANDLES.most.into())
        .with_length("nodes", "ids")
}

/// Returns the cache of persisted documents, if enabled.
pub(crate) fn persisted(settings: &LimitSettings) -> Documents {
    match settings.persisted {
        0 => Documents::none(),
        bytes => Documents::automatic(bytes),
    }
}

#[cfg(test)]
mod tests {
    use runtime::config::{Loaded, Program, Settings};

    use super::*;

    #[test]
    fn default_settings_equal_the_default_limits() {
        let env = Vec::new();
        let loaded = Settings::load(Program::Api, [], env, "/nonexistent".as_ref());
        let Ok(Loaded::Run(settings)) = loaded else {
            panic!("{loaded:?}");
        };
        let ours = limits(&settings.limits, Duration::from_secs(100));
        let theirs = Limits::default();
        let shown = |mut limits: Limits| {
            limits.budget.list_sizes = theirs.budget.list_sizes.clone();
            format!("{limits:?}")
        };
        assert_eq!(shown(ours), shown(theirs.clone()));
    }
}
