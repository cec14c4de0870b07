//! Deals the slots of a stream to symbols.

use std::collections::BTreeSet;

use entity::Symbol;
use store::priority::StockPriority;

/// Returns the symbols to stream: the preferred ones first, then those that are streamed already,
/// then the others in order. All of them if there is no limit.
pub(crate) fn deal(
    candidates: &[StockPriority],
    streamed: &BTreeSet<Symbol>,
    slots: Option<usize>,
) -> BTreeSet<Symbol> {
    let mut ranked: Vec<&StockPriority> = candidates.iter().collect();
    ranked.sort_by_key(|candidate| {
        let is_new = !streamed.contains(&candidate.symbol);
        (!candidate.preferred, is_new, &candidate.symbol)
    });
    ranked.dedup_by_key(|candidate| &candidate.symbol);
    let slots = slots.unwrap_or(usize::MAX);
    let dealt = ranked.into_iter().take(slots);
    dealt.map(|candidate| candidate.symbol.clone()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn symbol(number: u32) -> Symbol {
        format!("S{number:03}").parse().expect("a symbol")
    }

    fn candidate(number: u32, preferred: bool) -> StockPriority {
        StockPriority {
            symbol: symbol(number),
            preferred,
        }
    }

    #[test]
    fn preferred_symbols_come_first_and_others_keep_their_slots() {
        let candidates: Vec<_> = (0..6).map(|it| candidate(it, it == 5)).collect();
        let streamed = [symbol(3), symbol(4)].into();
        let dealt = deal(&candidates, &streamed, Some(3));
        assert_eq!(dealt, [symbol(3), symbol(4), symbol(5)].into());
        assert_eq!(deal(&candidates, &streamed, Some(1)), [symbol(5)].into());
        assert_eq!(deal(&candidates, &streamed, Some(0)), BTreeSet::new());
        assert_eq!(deal(&candidates, &streamed, None).len(), 6);
    }

    proptest! {
        /// No slot is wasted, no preferred symbol waits behind another, and dealing again changes
        /// nothing.
        #[test]
        fn slots_are_used_in_order_of_preference(
            preferred in prop::collection::vec(any::<bool>(), 0..40),
            streamed in prop::collection::btree_set(0_u32..40, 0..40),
            slots in prop::option::of(0_usize..50),
        ) {
            let candidates: Vec<_> = (0..).zip(&preferred).map(|(it, preferred)| candidate(it, *preferred)).collect();
            let streamed = streamed.into_iter().map(symbol).collect();
            let dealt = deal(&candidates, &streamed, slots);
            prop_assert_eq!(dealt.len(), candidates.len().min(slots.unwrap_or(usize::MAX)));
            let has = |candidate: &&StockPriority| dealt.contains(&candidate.symbol);
            if candidates.iter().filter(|it| !it.preferred).any(|it| has(&it)) {
                prop_assert!(candidates.iter().filter(|it| it.preferred).all(|it| has(&it)));
            }
            prop_assert_eq!(deal(&candidates, &dealt, slots), dealt);
        }
    }
}
