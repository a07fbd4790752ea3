//! A vector index in memory: every item is looked at.

use crate::bindings::openclaw::gateway::vectors::{Hit, Item, Query};
use crate::{Error, Result};
use std::collections::BTreeMap;

const DIMENSIONS: usize = 4096;
const TEXT_BYTES: usize = 64 << 10;
const RESULTS: usize = 1000;

/// The items of one index.
pub(crate) struct Items {
    dimensions: usize,
    items: BTreeMap<String, Item>,
}

impl Items {
    pub(crate) fn new(dimensions: u32) -> Self {
        Self { dimensions: dimensions as usize, items: BTreeMap::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn check_dimensions(&self, dimensions: usize) -> Result<()> {
        match dimensions == self.dimensions && (1..=DIMENSIONS).contains(&dimensions) {
            true => Ok(()),
            false => Err(Error::invalid(format!("the index has {} dimensions, not {dimensions}", self.dimensions))),
        }
    }

    pub(crate) fn upsert(&mut self, items: &[Item]) -> Result<()> {
        for item in items {
            self.check_dimensions(item.vector.len())?;
            if item.text.len() > TEXT_BYTES {
                return Err(Error::invalid(format!("a text is at most {TEXT_BYTES} bytes")));
            }
        }
        self.items.extend(items.iter().map(|item| (item.id.clone(), item.clone())));
        Ok(())
    }

    pub(crate) fn delete(&mut self, ids: &[String]) -> u32 {
        let removed = ids.iter().filter(|id| self.items.remove(*id).is_some()).count();
        u32::try_from(removed).unwrap_or(u32::MAX)
    }

    pub(crate) fn search(&self, query: &Query) -> Result<Vec<Hit>> {
        if !query.vector.is_empty() {
            self.check_dimensions(query.vector.len())?;
        }
        let limit = query.limit as usize;
        if limit == 0 || limit > RESULTS {
            return Err(Error::invalid(format!("limit is 1 to {RESULTS}")));
        }
        let mut hits: Vec<Hit> = self.items.values().map(|item| hit(item, query)).collect();
        hits.retain(|hit| hit.score > 0.0);
        hits.sort_by(|one, other| other.score.total_cmp(&one.score));
        hits.truncate(limit);
        Ok(hits)
    }
}

fn hit(item: &Item, query: &Query) -> Hit {
    let score = match (query.vector.is_empty(), query.text.is_empty()) {
        (true, _) => in_common(&item.text, &query.text),
        (false, true) => nearness(&item.vector, &query.vector),
        (false, false) => {
            let weight = query.vector_weight.clamp(0.0, 1.0);
            weight * nearness(&item.vector, &query.vector) + (1.0 - weight) * in_common(&item.text, &query.text)
        }
    };
    Hit { id: item.id.clone(), score, text: item.text.clone(), attributes: item.attributes.clone() }
}

/// The cosine of two vectors, from 0.0 (opposite) to 1.0 (the same direction).
fn nearness(one: &[f32], other: &[f32]) -> f32 {
    let dot = |one: &[f32], other: &[f32]| one.iter().zip(other).map(|(a, b)| a * b).sum::<f32>();
    let lengths = (dot(one, one) * dot(other, other)).sqrt();
    if lengths == 0.0 { 0.0 } else { (1.0 + dot(one, other) / lengths) / 2.0 }
}

/// Which part of the words that are looked for a text has.
fn in_common(text: &str, wanted: &str) -> f32 {
    let text = text.to_lowercase();
    let words: Vec<String> = wanted.split_whitespace().map(str::to_lowercase).collect();
    let found = words.iter().filter(|word| text.contains(*word)).count();
    #[expect(clippy::cast_precision_loss, reason = "a handful of words")]
    let share = found as f32 / words.len().max(1) as f32;
    share
}
