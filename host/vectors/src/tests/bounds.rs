//! Work that is given up, and what an index holds at the most.

use super::*;

fn many(from: usize) -> Vec<Item> {
    let at = |n: usize| item(&n.to_string(), [1.0, n as f32], "the same word");
    (from..from + WRITES).map(at).collect()
}

#[test]
fn a_search_is_given_up_where_it_stands_and_the_index_goes_on() {
    let tenant = Tenant::new();
    let index = tenant.index("a", "main", 2);
    (0..5).for_each(|n| index.upsert(&many(n * WRITES)).unwrap());
    for query in [by_vector([1.0, 0.0]), by_text("word")] {
        assert_eq!(index.clone().watched(|| false).search(&query), Err(Error::Stopped), "{query:?}");
        assert_eq!(index.search(&query).unwrap().len(), 10, "{query:?}");
    }
    assert_eq!(index.clone().watched(|| true).search(&by_text("word")).unwrap().len(), 10);
}

#[test]
fn a_write_that_is_given_up_has_written_nothing() {
    let tenant = Tenant::new();
    let index = tenant.index("a", "main", 2);
    index.upsert(&[item("first", [1.0, 0.0], "kept")]).unwrap();
    let mut looks = 0;
    let after_a_while = move || {
        looks += 1;
        looks < 100
    };
    assert_eq!(index.clone().watched(after_a_while).upsert(&many(0)), Err(Error::Stopped));
    assert_eq!(index.count(), Ok(1));
    assert!(index.search(&by_text("word")).unwrap().is_empty());
    index.upsert(&many(0)).unwrap();
    assert_eq!(index.count(), Ok(1 + WRITES as u64));
}

#[test]
fn what_waits_in_the_log_of_an_index_is_bounded() {
    let tenant = Tenant::new();
    let index = tenant.index("a", "main", 2);
    // Each write changes pages of items, words and vectors, however small it is.
    (0..400).for_each(|n| index.upsert(&[item(&n.to_string(), [1.0, n as f32], "a word or two")]).unwrap());
    let log = tenant.file("a", "main").with_extension("sqlite-wal");
    let bytes = std::fs::metadata(log).unwrap().len();
    assert!((1..=6 << 20).contains(&bytes), "{bytes} bytes");
}

#[test]
fn the_longer_its_vectors_the_fewer_items_has_an_index() {
    assert_eq!(most_items(2), ITEMS);
    assert_eq!(most_items(1536) * 1536 / 1536, NUMBERS / 1536);
    assert_eq!(most_items(DIMENSIONS), 16_384);
}
