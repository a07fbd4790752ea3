//! The nearest vectors: each is looked at, in the chunks in which `vec0` keeps them.
//!
//! `vec0` writes the chunks and could search them; but it adds number by number, one after another, and walks over a
//! chunk once for each result that is wanted. Its tables are those of its file format, which its next releases read.

use std::cmp::Ordering;

use rusqlite::{Connection, Row};

/// Rows with their scores.
pub(crate) type Ranking = Vec<(i64, f32)>;

/// `_rowid_`, since the column `rowid` of that table is one like any other.
const CHUNKS: &str = "SELECT validity, rowids, vectors FROM items_vector_chunks
                      JOIN items_vector_vector_chunks00 AS chunk ON chunk._rowid_ = chunk_id";

/// Sums that are added to side by side, which the compiler makes wide instructions of.
const LANES: usize = 16;

/// As many rows as are wanted, the nearest first. What points away is none of them.
pub(crate) fn nearest(connection: &Connection, direction: &[f32], most: usize) -> rusqlite::Result<Ranking> {
    let mut statement = connection.prepare_cached(CHUNKS)?;
    let mut chunks = statement.query([])?;
    let mut found = Ranking::new();
    while let Some(chunk) = chunks.next()? {
        look_at(chunk, direction, &mut found)?;
        if found.len() > 2 * most {
            keep_best(&mut found, most);
        }
    }
    keep_best(&mut found, most);
    found.sort_unstable_by(order);
    Ok(found)
}

/// The best first, and of equal ones the oldest.
pub(crate) fn order(one: &(i64, f32), other: &(i64, f32)) -> Ordering {
    other.1.total_cmp(&one.1).then(one.0.cmp(&other.0))
}

fn keep_best(found: &mut Ranking, most: usize) {
    if found.len() > most {
        found.select_nth_unstable_by(most, order);
        found.truncate(most);
    }
}

/// A chunk has a bit a place that says whether it is taken, and its row and vector.
fn look_at(chunk: &Row<'_>, direction: &[f32], found: &mut Ranking) -> rusqlite::Result<()> {
    let blob = |column| Ok::<_, rusqlite::Error>(chunk.get_ref(column)?.as_blob()?);
    let (taken, rows, vectors) = (blob(0)?, blob(1)?.as_chunks::<8>().0, blob(2)?.as_chunks::<4>().0);
    if taken.len() * 8 != rows.len() || vectors.len() != rows.len() * direction.len() {
        let numbers = i64::try_from(vectors.len()).unwrap_or(i64::MAX);
        return Err(rusqlite::Error::IntegralValueOutOfRange(2, numbers));
    }
    let places = rows.iter().zip(vectors.chunks_exact(direction.len())).enumerate();
    for (_, (row, vector)) in places.filter(|(place, _)| taken[place / 8] >> (place % 8) & 1 == 1) {
        let score = cosine(direction, vector).min(1.0);
        if score > 0.0 {
            found.push((i64::from_le_bytes(*row), score));
        }
    }
    Ok(())
}

/// Of two vectors of length one, the second as it is stored.
fn cosine(direction: &[f32], vector: &[[u8; 4]]) -> f32 {
    let (directions, last) = direction.as_chunks::<LANES>();
    let (vectors, rest) = vector.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (one, other) in directions.iter().zip(vectors) {
        for ((sum, one), other) in sums.iter_mut().zip(one).zip(other) {
            *sum += one * f32::from_le_bytes(*other);
        }
    }
    let rest = last.iter().zip(rest).map(|(one, other)| one * f32::from_le_bytes(*other));
    sums.into_iter().chain(rest).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_counts_whatever_their_number() {
        for dimensions in [1, 15, 16, 17, 384, 385] {
            let ones = vec![1.0_f32; dimensions];
            let stored: Vec<[u8; 4]> = (0..dimensions).map(|n| (n as f32).to_le_bytes()).collect();
            let sum = (dimensions * (dimensions - 1) / 2) as f32;
            assert_eq!(cosine(&ones, &stored).to_bits(), sum.to_bits(), "{dimensions}");
        }
    }

    #[test]
    fn the_best_are_kept_and_of_equal_ones_the_oldest() {
        let mut found = vec![(4, 0.5), (1, 0.1), (3, 0.9), (2, 0.5)];
        keep_best(&mut found, 2);
        found.sort_unstable_by(order);
        assert_eq!(found, [(3, 0.9), (2, 0.5)]);
    }
}
