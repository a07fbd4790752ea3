//! The store against a plain map.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rusqlite::types::Value;

use super::*;
use crate::Document;
use crate::cursor::{Position, decode, encode};
use crate::read::past_prefix;

fn orders() -> impl Strategy<Value = Order> {
    prop::sample::select(vec![Order::KeyAscending, Order::KeyDescending, Order::RankAscending, Order::RankDescending])
}

fn sorted(model: &BTreeMap<String, i64>, prefix: &str, order: Order) -> Vec<String> {
    let mut keys: Vec<_> = model.iter().filter(|(key, _)| key.starts_with(prefix)).collect();
    match order {
        Order::KeyAscending => {}
        Order::KeyDescending => keys.reverse(),
        Order::RankAscending => keys.sort_by_key(|(_, rank)| **rank),
        Order::RankDescending => keys.sort_by_key(|(_, rank)| std::cmp::Reverse(**rank)),
    }
    keys.into_iter().map(|(key, _)| key.clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn pages_together_are_the_collection_in_order(
        model in prop::collection::btree_map("[a-c\u{10ffff}é:]{1,4}", -3_i64..3, 0..40),
        prefix in "[a-c\u{10ffff}é]{0,2}",
        order in orders(),
        limit in 1_u32..7,
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let found = runtime.block_on(async {
            let home = tempfile::tempdir().unwrap();
            let db = database(&Store::new(settings()), home.path(), "a");
            let puts: Vec<_> = model.iter().map(|(key, rank)| ranked(key, "v", *rank, Expectation::Any)).collect();
            if !puts.is_empty() {
                db.transact(puts).await.unwrap();
            }
            let mut found = Vec::new();
            let mut after = None;
            loop {
                let range = Range { prefix: prefix.clone(), after, skip: 0, limit, order };
                let page = db.scan("c", range).await.unwrap();
                found.extend(page.documents.into_iter().map(|document| document.key));
                match page.next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
            assert_eq!(db.count("c", &prefix).await, Ok(found.len() as u64));
            found
        });
        prop_assert_eq!(found, sorted(&model, &prefix, order));
    }

    #[test]
    fn a_cursor_reads_back(key in "[^\u{0}-\u{1f}]{1,20}", rank: i64, order in orders()) {
        let last = Document { key: key.clone(), value: Vec::new(), version: 1, rank };
        let cursor = encode(order, &last);
        let by_rank = matches!(order, Order::RankAscending | Order::RankDescending);
        let rank = if by_rank { rank } else { 0 };
        prop_assert_eq!(decode(order, &cursor), Ok(Position { rank, key: &key }));
    }

    #[test]
    fn the_bound_of_a_prefix_is_past_all_that_begin_with_it(prefix in "\\PC{0,4}", rest in "\\PC{0,4}") {
        if let Value::Text(bound) = past_prefix(&prefix) {
            let key = format!("{prefix}{rest}");
            prop_assert!(key < bound);
            prop_assert!(!bound.starts_with(&prefix));
        }
    }
}
