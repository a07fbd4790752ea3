//! An index as a family uses it, on files in a home of its own.

use std::path::Path;

use openclaw_tenancy::{DatabasePlace, Home, HomeError};
use proptest::prelude::*;

use super::*;

mod bounds;
mod files;

struct Tenant {
    home: tempfile::TempDir,
    store: Store,
}

impl Tenant {
    fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap(), store: Store::default() }
    }

    fn index(&self, tenant: &str, name: &str, dimensions: usize) -> Index {
        let id =
            IndexId { tenant: tenant.parse().unwrap(), family: "memory".parse().unwrap(), name: name.parse().unwrap() };
        let (home, file) = (self.home.path().join(tenant), format!("{name}.sqlite"));
        self.store.index(id, dimensions, move || place(&home, &file))
    }

    fn file(&self, tenant: &str, name: &str) -> std::path::PathBuf {
        self.home.path().join(tenant).join(format!("{name}.sqlite"))
    }
}

fn place(home: &Path, file: &str) -> std::result::Result<DatabasePlace, HomeError> {
    let directory = Home::open(home)?.directory().clone();
    Ok(DatabasePlace { directory, name: file.to_owned(), shown: format!("memory/{file}") })
}

fn item(id: &str, vector: [f32; 2], text: &str) -> Item {
    Item { id: id.into(), vector: vector.into(), text: text.into(), attributes: b"{}".to_vec() }
}

fn by_vector(vector: [f32; 2]) -> Query {
    Query { vector: vector.into(), text: String::new(), limit: 10, vector_weight: 1.0 }
}

fn by_text(text: &str) -> Query {
    Query { vector: Vec::new(), text: text.into(), limit: 10, vector_weight: 0.0 }
}

fn ids(hits: &[Hit]) -> Vec<&str> {
    hits.iter().map(|hit| hit.id.as_str()).collect()
}

#[test]
fn what_is_near_is_found_first_and_what_is_opposite_is_not() {
    let tenant = Tenant::new();
    let index = tenant.index("a", "main", 2);
    index
        .upsert(&[item("east", [1.0, 0.0], ""), item("north", [0.0, 1.0], ""), item("west", [-2.0, 0.0], "")])
        .unwrap();
    let hits = index.search(&by_vector([3.0, 1.0])).unwrap();
    assert_eq!(ids(&hits), ["east", "north"]);
    assert!(hits[0].score > 0.9 && hits[1].score < 0.4, "{hits:?}");
}

#[test]
fn words_are_found_without_a_vector_and_both_rankings_are_weighed() {
    let tenant = Tenant::new();
    let index = tenant.index("a", "main", 2);
    let items = [
        item("bill", [1.0, 0.0], "The bakery's invoice is due"),
        item("dog", [0.9, 0.1], "The dog likes walks"),
        item("silent", [0.0, 0.0], "Bäckerei"),
    ];
    index.upsert(&items).unwrap();
    assert_eq!(ids(&index.search(&by_text("INVOICE of a bakery")).unwrap()), ["bill"]);
    assert_eq!(ids(&index.search(&by_text("backerei")).unwrap()), ["silent"], "without a vector, and its accents");
    assert!(index.search(&by_text("\" OR *")).unwrap().is_empty());
    let both = Query { text: "invoice".into(), vector_weight: 0.7, ..by_vector([1.0, 0.0]) };
    let hits = index.search(&both).unwrap();
    assert_eq!(ids(&hits), ["bill", "dog"]);
    assert!((hits[0].score - 1.0).abs() < 1e-3 && hits[1].score < 0.71, "{hits:?}");
}

#[test]
fn an_item_is_replaced_and_removed_with_its_words() {
    let tenant = Tenant::new();
    let index = tenant.index("a", "main", 2);
    index.upsert(&[item("one", [1.0, 0.0], "apples")]).unwrap();
    index.upsert(&[item("one", [0.0, 1.0], "pears")]).unwrap();
    assert_eq!(index.count(), Ok(1));
    assert!(index.search(&by_text("apples")).unwrap().is_empty());
    assert_eq!(index.delete(&["one".into(), "two".into()]), Ok(1));
    assert!(index.search(&by_text("pears")).unwrap().is_empty());
    assert!(index.search(&by_vector([0.0, 1.0])).unwrap().is_empty());
}

#[test]
fn nothing_is_made_before_something_is_written() {
    let tenant = Tenant::new();
    let index = tenant.index("a", "main", 2);
    assert_eq!((index.count(), index.delete(&["x".into()]), index.remove()), (Ok(0), Ok(0), Ok(false)));
    assert_eq!(index.check(), Ok(false));
    assert!(!tenant.file("a", "main").exists());
    index.upsert(&[item("one", [1.0, 0.0], "")]).unwrap();
    assert_eq!(index.check(), Ok(true));
    assert_eq!(index.remove(), Ok(true));
    assert!(!tenant.file("a", "main").exists());
    assert_eq!(index.count(), Ok(0), "and it can be begun anew");
}

#[test]
fn another_process_finds_what_was_written() {
    let tenant = Tenant::new();
    tenant.index("a", "main", 2).upsert(&[item("one", [1.0, 0.0], "apples")]).unwrap();
    tenant.store.close_all();
    let again = Tenant { store: Store::default(), ..tenant };
    assert_eq!(ids(&again.index("a", "main", 2).search(&by_text("apples")).unwrap()), ["one"]);
    let other = again.index("a", "main", 3).check();
    assert_eq!(other, Err(Error::Invalid("the index has 2 dimensions, not 3".into())));
}

#[test]
fn tenants_and_names_share_nothing() {
    let tenant = Tenant::new();
    tenant.index("a", "main", 2).upsert(&[item("secret", [1.0, 0.0], "canary")]).unwrap();
    for (other, name) in [("b", "main"), ("a", "other")] {
        let index = tenant.index(other, name, 2);
        index.upsert(&[item("own", [1.0, 0.0], "else")]).unwrap();
        assert!(index.search(&by_text("canary")).unwrap().is_empty());
        assert_eq!(ids(&index.search(&by_vector([1.0, 0.0])).unwrap()), ["own"]);
    }
}

#[test]
fn a_tenant_that_is_deleted_has_no_open_file() {
    let tenant = Tenant::new();
    let index = tenant.index("a", "main", 2);
    index.upsert(&[item("one", [1.0, 0.0], "")]).unwrap();
    let closed = tenant.store.close_tenant(&"a".parse().unwrap());
    assert_eq!(index.count(), Err(Error::Busy));
    assert_eq!(index.remove(), Err(Error::Busy));
    drop(closed);
    assert_eq!(index.count(), Ok(1));
}

#[test]
fn vectors_are_kept_by_key_until_newer_ones_need_the_room() {
    let tenant = Tenant::new();
    let index = tenant.index("a", "main", 2);
    let kept = |key: String, x: f32| Kept { key, vector: vec![x, 1.0] };
    index.keep(&[kept("old".into(), 1.0), kept("renewed".into(), 2.0)]).unwrap();
    let recalled = index.recall(&["renewed".into(), "none".into(), "old".into()]).unwrap();
    assert_eq!(recalled, [Some(vec![2.0, 1.0]), None, Some(vec![1.0, 1.0])]);
    let many: Vec<Kept> = (0..KEPT).map(|n| kept(n.to_string(), 0.0)).collect();
    many.chunks(WRITES).for_each(|some| index.keep(some).unwrap());
    assert_eq!(index.recall(&["old".into(), "renewed".into()]), Ok(vec![None, None]));
    assert_eq!(index.count(), Ok(0), "they are no items");
}

#[test]
fn what_is_too_large_is_refused_whole() {
    let tenant = Tenant::new();
    let index = tenant.index("a", "main", 2);
    let refused = |items: &[Item]| matches!(index.upsert(items), Err(Error::Invalid(_)));
    let good = || item("one", [1.0, 0.0], "");
    assert!(refused(&[good(), item("long", [1.0, 0.0], &"x".repeat(TEXT_BYTES + 1))]));
    assert!(refused(&[good(), item(&"x".repeat(ID_BYTES + 1), [1.0, 0.0], "")]));
    assert!(refused(&[good(), item("nan", [f32::NAN, 0.0], "")]));
    assert!(refused(&[good(), Item { vector: vec![1.0], ..good() }]));
    assert!(refused(&vec![good(); WRITES + 1]));
    assert_eq!(index.count(), Ok(0));
    for limit in [0, RESULTS + 1] {
        assert!(matches!(index.search(&Query { limit, ..by_text("x") }), Err(Error::Invalid(_))));
    }
    assert!(matches!(tenant.index("a", "main", DIMENSIONS + 1).check(), Err(Error::Invalid(_))));
}

#[test]
fn a_damaged_file_is_an_error_and_can_be_removed() {
    let tenant = Tenant::new();
    let index = tenant.index("a", "main", 2);
    index.upsert(&[item("one", [1.0, 0.0], "")]).unwrap();
    tenant.store.close_all();
    std::fs::write(tenant.file("a", "main"), "no database").unwrap();
    assert_eq!(index.count(), Err(Error::Damaged("main".into())));
    assert_eq!(std::fs::read(tenant.file("a", "main")).unwrap(), b"no database", "left as it is");
    assert_eq!(index.remove(), Ok(true));
    assert_eq!(index.count(), Ok(0));
}

/// By its definition.
fn cosine(one: &[f32], other: &[f32]) -> f64 {
    let dot =
        |one: &[f32], other: &[f32]| -> f64 { one.iter().zip(other).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum() };
    dot(one, other) / (dot(one, one) * dot(other, other)).sqrt()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// They are those that have the highest cosines, across the chunks that `vec0` keeps them in and without what was
    /// removed from these.
    #[test]
    fn the_nearest_are_all_that_are_nearest(
        vectors in prop::collection::vec(prop::collection::vec(-1.0_f32..1.0, 19), 1..600),
        removed in prop::collection::vec(0_usize..600, 0..40),
        limit in 1_usize..400,
    ) {
        let tenant = Tenant::new();
        let index = tenant.index("a", "main", 19);
        let (wanted, others) = vectors.split_first().unwrap();
        let of = |(n, vector): (usize, &Vec<f32>)| Item { vector: vector.clone(), ..item(&n.to_string(), [0.0; 2], "") };
        index.upsert(&others.iter().enumerate().map(of).collect::<Vec<_>>()).unwrap();
        index.delete(&removed.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
        let hits = index.search(&Query { limit, vector: wanted.clone(), ..by_text("") }).unwrap();
        let left = others.iter().enumerate().filter(|(n, _)| !removed.contains(n));
        let mut cosines: Vec<f64> = left.map(|(_, vector)| cosine(wanted, vector)).collect();
        cosines.retain(|cosine| *cosine > 1e-5);
        cosines.sort_by(|one, other| other.total_cmp(one));
        prop_assert!(hits.len() >= limit.min(cosines.len()));
        for (hit, cosine) in hits.iter().zip(cosines) {
            prop_assert!((f64::from(hit.score) - cosine).abs() < 1e-5, "{hit:?} {cosine}");
        }
    }

}
