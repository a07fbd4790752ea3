//! Whatever is done to it, the vector index in memory answers as the host's does; but for how well words match, which
//! only the host's full-text search can say.

use crate::handler::probe::HANDLER;
use openclaw_sdk::testing::Tenant;
use openclaw_sdk::vectors::{Index, Item, Kept, Query};
use openclaw_sdk::{Error, Result};
use openclaw_tenancy::{DatabasePlace, Home, HomeError};
use openclaw_vectors as host;
use proptest::prelude::*;
use proptest::sample::select;
use std::fmt::Debug;

#[derive(Clone, Debug)]
enum Step {
    Upsert(Vec<(String, Vec<f32>, &'static str)>),
    Delete(Vec<String>),
    Search { vector: Vec<f32>, text: &'static str, limit: u32, weight: f32 },
    Count,
    Keep(Vec<(String, Vec<f32>)>),
    Recall(Vec<String>),
}

const DIMENSIONS: u32 = 2;

/// An id, or a key: one in ten is longer than any may be.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![9 => select(&["a", "b", "c", ""][..]).prop_map(str::to_owned), 1 => Just("x".repeat(1025))]
}

/// At no right angle to each other but where the product is exactly nothing.
fn vector() -> impl Strategy<Value = Vec<f32>> {
    let of_two = [[1.0, 0.0], [0.0, 1.0], [-2.0, 0.0], [1.0, 1.0], [3.0, 1.0], [0.0, 0.0]].map(Vec::from);
    let wrong = [vec![1.0], vec![1.0, 2.0, 3.0], vec![f32::NAN, 0.0]];
    prop_oneof![9 => select(of_two.to_vec()), 1 => select(wrong.to_vec())]
}

fn text() -> impl Strategy<Value = &'static str> {
    select(&["", "red", "Red apple", "red, green", "apples", "… !"][..])
}

fn step() -> impl Strategy<Value = Step> {
    let searched = (prop_oneof![1 => Just(Vec::new()), 3 => vector()], text());
    let limit = prop_oneof![8 => Just(100_u32), 1 => select(&[0_u32, 1001][..])];
    let weight = select(&[0.0_f32, 0.7, 0.7, 0.7, 1.0, 1.5][..]);
    prop_oneof![
        4 => prop::collection::vec((name(), vector(), text()), 0..4).prop_map(Step::Upsert),
        1 => prop::collection::vec(name(), 0..3).prop_map(Step::Delete),
        4 => (searched, limit, weight)
            .prop_map(|((vector, text), limit, weight)| Step::Search { vector, text, limit, weight }),
        1 => Just(Step::Count),
        1 => prop::collection::vec((name(), vector()), 0..3).prop_map(Step::Keep),
        1 => prop::collection::vec(name(), 0..3).prop_map(Step::Recall),
    ]
}

/// Does one step to both.
fn both(memory: &Index, host: &host::Index, step: &Step) {
    match step {
        Step::Upsert(items) => {
            let attributes = || b"{}".to_vec();
            let item = |(id, vector, text): &(String, Vec<f32>, &str)| Item {
                id: id.clone(),
                vector: vector.clone(),
                text: (*text).to_owned(),
                attributes: attributes(),
            };
            let others = items.iter().map(|(id, vector, text)| host::Item {
                id: id.clone(),
                vector: vector.clone(),
                text: (*text).to_owned(),
                attributes: attributes(),
            });
            let items: Vec<Item> = items.iter().map(item).collect();
            same(memory.upsert(&items), host.upsert(&others.collect::<Vec<_>>()), step);
        }
        Step::Delete(ids) => same(memory.delete(ids), host.delete(ids), step),
        Step::Search { vector, text, limit, weight } => {
            let (vector, text) = (vector.clone(), (*text).to_owned());
            let other = host::Query {
                vector: vector.clone(),
                text: text.clone(),
                limit: *limit as usize,
                vector_weight: *weight,
            };
            let by_vector_alone = text.is_empty();
            let found = memory.search(&Query { vector, text, limit: *limit, vector_weight: *weight });
            let found = found.map(|hits| shown(hits.into_iter().map(|hit| (hit.id, hit.score)), by_vector_alone));
            let others = host.search(&other);
            let others = others.map(|hits| shown(hits.into_iter().map(|hit| (hit.id, hit.score)), by_vector_alone));
            same(found, others, step);
        }
        Step::Count => same(memory.count(), host.count(), step),
        Step::Keep(vectors) => {
            let kept = vectors.iter().cloned();
            let others: Vec<host::Kept> = kept.clone().map(|(key, vector)| host::Kept { key, vector }).collect();
            let kept: Vec<Kept> = kept.map(|(key, vector)| Kept { key, vector }).collect();
            same(memory.keep(&kept), host.keep(&others), step);
        }
        Step::Recall(keys) => same(memory.recall(keys), host.recall(keys), step),
    }
}

/// What was found, by id: of equal scores neither says which is first. Scores in ten-thousandths, where they count.
fn shown(hits: impl Iterator<Item = (String, f32)>, with_scores: bool) -> Vec<(String, i32)> {
    #[allow(clippy::cast_possible_truncation, reason = "from 0 to 10,000")]
    let rounded = |score: f32| if with_scores { (score * 10_000.0).round() as i32 } else { 0 };
    let mut shown: Vec<_> = hits.map(|(id, score)| (id, rounded(score))).collect();
    shown.sort();
    shown
}

/// The same answer, or a refusal in the same words.
fn same<T: Debug + PartialEq>(memory: Result<T>, host: host::Result<T>, step: &Step) {
    assert_eq!(memory.map_err(|error: Error| error.message), host.map_err(|error| error.to_string()), "{step:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_answers_as_the_hosts(steps in prop::collection::vec(step(), 1..25)) {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().to_owned();
        let id = host::IndexId {
            tenant: "acme".parse().unwrap(), family: "probe".parse().unwrap(), name: "index".parse().unwrap(),
        };
        let host = host::Store::default().index(id, DIMENSIONS as usize, move || {
            let directory = Home::open(&path)?.directory().clone();
            Ok::<_, HomeError>(DatabasePlace { directory, name: "i.sqlite".to_owned(), shown: "i.sqlite".to_owned() })
        });
        let memory = Tenant::new(HANDLER).vectors("probe", "index", DIMENSIONS);
        for step in &steps {
            both(&memory, &host, step);
        }
    }
}
