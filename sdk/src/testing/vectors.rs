//! A vector index in memory: every item is looked at.

use crate::bindings::openclaw::gateway::vectors::{Hit, Item, Kept, Query};
use crate::{Error, Result};
use std::collections::{BTreeMap, BTreeSet};

const DIMENSIONS: usize = 4096;
const TEXT_BYTES: usize = 64 << 10;
const ATTRIBUTE_BYTES: usize = 8 << 10;
const ID_BYTES: usize = 1 << 10;
const KEY_BYTES: usize = 256;
const RESULTS: usize = 1000;
const WRITES: usize = 1000;

/// The items of one index.
pub(crate) struct Items {
    dimensions: usize,
    items: BTreeMap<String, Item>,
    kept: BTreeMap<String, Vec<f32>>,
    is_written: bool,
}

impl Items {
    pub(crate) fn new(dimensions: u32) -> Self {
        Self { dimensions: dimensions as usize, items: BTreeMap::new(), kept: BTreeMap::new(), is_written: false }
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether the host had a file for it.
    pub(crate) fn is_written(&self) -> bool {
        self.is_written
    }

    /// Refuses another number of dimensions, and one that no index has.
    pub(crate) fn check(&self, dimensions: u32) -> Result<()> {
        let dimensions = dimensions as usize;
        if !(1..=DIMENSIONS).contains(&dimensions) {
            return Err(Error::invalid(format!("an index has 1 to {DIMENSIONS} dimensions")));
        }
        match dimensions == self.dimensions {
            true => Ok(()),
            false => Err(Error::invalid(format!("the index has {} dimensions, not {dimensions}", self.dimensions))),
        }
    }

    pub(crate) fn upsert(&mut self, items: &[Item]) -> Result<()> {
        check_count("items", items.len())?;
        for item in items {
            check_bytes("an id", item.id.len(), ID_BYTES)?;
            check_bytes("a text", item.text.len(), TEXT_BYTES)?;
            check_bytes("attributes", item.attributes.len(), ATTRIBUTE_BYTES)?;
            self.check_vector(&item.vector)?;
        }
        self.is_written |= !items.is_empty();
        self.items.extend(items.iter().map(|item| (item.id.clone(), item.clone())));
        Ok(())
    }

    pub(crate) fn delete(&mut self, ids: &[String]) -> Result<u32> {
        check_count("ids", ids.len())?;
        ids.iter().try_for_each(|id| check_bytes("an id", id.len(), ID_BYTES))?;
        let removed = ids.iter().filter(|id| self.items.remove(*id).is_some()).count();
        Ok(u32::try_from(removed).unwrap_or(u32::MAX))
    }

    pub(crate) fn recall(&self, keys: &[String]) -> Result<Vec<Vec<f32>>> {
        check_count("keys", keys.len())?;
        keys.iter().try_for_each(|key| check_bytes("a key", key.len(), KEY_BYTES))?;
        Ok(keys.iter().map(|key| self.kept.get(key).cloned().unwrap_or_default()).collect())
    }

    pub(crate) fn keep(&mut self, vectors: &[Kept]) -> Result<()> {
        check_count("keys", vectors.len())?;
        vectors.iter().try_for_each(|kept| check_bytes("a key", kept.key.len(), KEY_BYTES))?;
        vectors.iter().try_for_each(|kept| self.check_vector(&kept.vector))?;
        self.is_written |= !vectors.is_empty();
        self.kept.extend(vectors.iter().map(|kept| (kept.key.clone(), kept.vector.clone())));
        Ok(())
    }

    pub(crate) fn search(&self, query: &Query) -> Result<Vec<Hit>> {
        if !query.vector.is_empty() {
            self.check_vector(&query.vector)?;
        }
        check_bytes("a text", query.text.len(), TEXT_BYTES)?;
        let limit = query.limit as usize;
        if !(1..=RESULTS).contains(&limit) {
            return Err(Error::invalid(format!("limit is 1 to {RESULTS}")));
        }
        if !(0.0..=1.0).contains(&query.vector_weight) {
            return Err(Error::invalid("vector-weight is 0.0 to 1.0"));
        }
        let mut hits: Vec<Hit> = self.items.values().map(|item| hit(item, query)).collect();
        // What has no score was not found.
        hits.retain(|hit| hit.score > 0.0);
        hits.sort_by(|one, other| other.score.total_cmp(&one.score));
        hits.truncate(limit);
        Ok(hits)
    }

    fn check_vector(&self, vector: &[f32]) -> Result<()> {
        if vector.len() != self.dimensions {
            let (has, not) = (self.dimensions, vector.len());
            return Err(Error::invalid(format!("the index has {has} dimensions, not {not}")));
        }
        match vector.iter().all(|number| number.is_finite()) {
            true => Ok(()),
            false => Err(Error::invalid("a vector holds finite numbers")),
        }
    }
}

fn check_count(what: &str, count: usize) -> Result<()> {
    if count <= WRITES { Ok(()) } else { Err(Error::invalid(format!("at most {WRITES} {what} at once"))) }
}

fn check_bytes(what: &str, bytes: usize, limit: usize) -> Result<()> {
    if bytes <= limit { Ok(()) } else { Err(Error::invalid(format!("{what} may have {limit} bytes at most"))) }
}

fn hit(item: &Item, query: &Query) -> Hit {
    let wanted = words(&query.text);
    let points_somewhere = query.vector.iter().any(|number| *number != 0.0);
    let score = match (points_somewhere, !wanted.is_empty()) {
        (false, false) => 0.0,
        (false, true) => in_common(&item.text, &wanted),
        (true, false) => nearness(&item.vector, &query.vector),
        (true, true) => {
            let weight = query.vector_weight;
            weight * nearness(&item.vector, &query.vector) + (1.0 - weight) * in_common(&item.text, &wanted)
        }
    };
    Hit { id: item.id.clone(), score, text: item.text.clone(), attributes: item.attributes.clone() }
}

/// The cosine of two vectors; nothing where it is negative.
fn nearness(one: &[f32], other: &[f32]) -> f32 {
    let dot = |one: &[f32], other: &[f32]| one.iter().zip(other).map(|(a, b)| a * b).sum::<f32>();
    let lengths = (dot(one, one) * dot(other, other)).sqrt();
    if lengths == 0.0 { 0.0 } else { (dot(one, other) / lengths).clamp(0.0, 1.0) }
}

/// The words of a text, in lower case.
fn words(text: &str) -> BTreeSet<String> {
    let words = text.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

/// Which part of the words that are looked for a text has; the host ranks by BM25.
fn in_common(text: &str, wanted: &BTreeSet<String>) -> f32 {
    let found = words(text).intersection(wanted).count();
    #[expect(clippy::cast_precision_loss, reason = "a handful of words")]
    let share = found as f32 / wanted.len().max(1) as f32;
    share
}
