//! A search: the nearest vectors, the best matches of the words, and one ranking of both.
//!
//! A vector's score is its cosine, what points away counting nothing. A text's is its BM25 as a share of the best
//! match's: BM25 alone says nothing across indexes, and in a small one is near zero for every word. What only one of
//! the two found has nothing of the other.

use std::collections::HashMap;

use rusqlite::{Connection, params};

use crate::database::direction_of;
use crate::nearest::{Ranking, nearest, order};
use crate::{Hit, Query, words};

/// How many more each ranking finds than are asked for, where both count, and how many at the most.
const CANDIDATES: usize = 4;
const CANDIDATES_MOST: usize = 4_000;

/// Where the results end, whatever their number, in bytes.
const ANSWER_BYTES: usize = 4 << 20;

pub(crate) fn search(connection: &Connection, query: &Query) -> rusqlite::Result<Vec<Hit>> {
    let ranking = match (direction_of(&query.vector), words::query_of(&query.text)) {
        (None, None) => return Ok(Vec::new()),
        (Some(direction), None) => nearest(connection, &direction, query.limit)?,
        (None, Some(words)) => matching(connection, &words, query.limit)?,
        (Some(direction), Some(words)) => {
            let most = (query.limit * CANDIDATES).min(CANDIDATES_MOST);
            let vectors = nearest(connection, &direction, most)?;
            merged(vectors, matching(connection, &words, most)?, query.vector_weight)
        }
    };
    hits(connection, &ranking, query.limit)
}

fn matching(connection: &Connection, words: &str, most: usize) -> rusqlite::Result<Ranking> {
    let mut statement = connection
        .prepare_cached("SELECT rowid, rank FROM items_text WHERE items_text MATCH ?1 ORDER BY rank LIMIT ?2")?;
    let rows = statement.query_map(params![words, most.cast_signed()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut ranking: Ranking = rows.collect::<rusqlite::Result<_>>()?;
    // SQLite's BM25 is negative, the best the lowest.
    let best = ranking.first().map_or(-1.0, |(_, rank)| *rank);
    for (_, score) in &mut ranking {
        *score = if best < 0.0 { (*score / best).clamp(0.0, 1.0) } else { 1.0 };
    }
    Ok(ranking)
}

fn merged(vectors: Ranking, texts: Ranking, vector_weight: f32) -> Ranking {
    let mut scores: HashMap<i64, f32> = vectors.into_iter().map(|(row, score)| (row, vector_weight * score)).collect();
    for (row, score) in texts {
        *scores.entry(row).or_default() += (1.0 - vector_weight) * score;
    }
    let mut ranking: Ranking = scores.into_iter().collect();
    ranking.sort_unstable_by(order);
    ranking
}

/// The items of a ranking, as many as are wanted and fit. What has no score was not found.
fn hits(connection: &Connection, ranking: &[(i64, f32)], most: usize) -> rusqlite::Result<Vec<Hit>> {
    let mut statement = connection.prepare_cached("SELECT id, text, attributes FROM items WHERE row = ?1")?;
    let (mut hits, mut bytes) = (Vec::new(), 0);
    for (row, score) in ranking.iter().filter(|(_, score)| *score > 0.0).take(most) {
        let hit = statement.query_row([row], |found| {
            Ok(Hit { id: found.get(0)?, score: *score, text: found.get(1)?, attributes: found.get(2)? })
        })?;
        bytes += hit.id.len() + hit.text.len() + hit.attributes.len();
        if bytes > ANSWER_BYTES {
            break;
        }
        hits.push(hit);
    }
    Ok(hits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_both_find_is_before_what_one_finds() {
        let merged = merged(vec![(1, 0.9), (2, 0.8)], vec![(2, 1.0), (3, 0.5)], 0.7);
        assert_eq!(merged.iter().map(|(row, _)| *row).collect::<Vec<_>>(), [2, 1, 3]);
        assert!((merged[0].1 - (0.7 * 0.8 + 0.3)).abs() < 1e-6);
    }
}
