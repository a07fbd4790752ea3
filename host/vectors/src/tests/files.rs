//! The file of an index: whose it is, what it takes, and what a check finds in it.

use std::os::unix::fs::PermissionsExt;

use rusqlite::Connection;

use super::*;

/// An index with one item that is not open any more, and its file.
fn closed() -> (Tenant, std::path::PathBuf) {
    let tenant = Tenant::new();
    tenant.index("a", "main", 2).upsert(&[item("one", [1.0, 0.0], "apples")]).unwrap();
    tenant.store.close_all();
    let file = tenant.file("a", "main");
    (tenant, file)
}

fn check(tenant: &Tenant) -> Option<String> {
    quick_check(&place(&tenant.home.path().join("a"), "main.sqlite").unwrap()).unwrap()
}

#[test]
fn no_other_user_reads_an_index_or_what_is_beside_it() {
    let tenant = Tenant::new();
    tenant.index("a", "main", 2).upsert(&[item("one", [1.0, 0.0], "apples")]).unwrap();
    let entries = std::fs::read_dir(tenant.home.path().join("a")).unwrap();
    let modes: Vec<u32> =
        entries.map(|entry| entry.unwrap().metadata().unwrap().permissions().mode() & 0o777).collect();
    assert_eq!(modes, [0o600; 2], "the file and its WAL");
}

#[test]
fn an_index_has_large_pages_and_one_with_small_ones_is_searched_as_well() {
    let (tenant, file) = closed();
    let page_size = || u16::from_be_bytes(std::fs::read(&file).unwrap()[16..18].try_into().unwrap());
    assert_eq!(page_size(), 16_384);
    let small = "PRAGMA journal_mode=DELETE; PRAGMA page_size=4096; VACUUM;";
    Connection::open(&file).unwrap().execute_batch(small).unwrap();
    let index = tenant.index("a", "main", 2);
    index.upsert(&[item("two", [0.0, 1.0], "pears")]).unwrap();
    assert_eq!(ids(&index.search(&by_vector([1.0, 0.5])).unwrap()), ["one", "two"]);
    tenant.store.close_all();
    assert_eq!(page_size(), 4_096);
}

#[test]
fn a_file_without_items_takes_what_is_said_of_it() {
    let tenant = Tenant::new();
    let index = tenant.index("a", "main", 2);
    index.upsert(&[item("one", [1.0, 0.0], "")]).unwrap();
    index.delete(&["one".into()]).unwrap();
    tenant.store.close_all();
    let bytes = std::fs::metadata(tenant.file("a", "main")).unwrap().len();
    assert!(bytes <= FILE_BYTES as u64 && bytes > FILE_BYTES as u64 / 2, "{bytes}");
}

#[test]
fn a_sound_index_is_found_sound_open_or_closed() {
    let (tenant, _) = closed();
    assert_eq!(check(&tenant), None);
    let items: Vec<Item> = (0..500).map(|n| item(&n.to_string(), [1.0, n as f32], "pears and apples")).collect();
    tenant.index("a", "main", 2).upsert(&items).unwrap();
    assert_eq!(check(&tenant), None, "while it is open and its WAL is not written back");
}

#[test]
fn a_check_finds_damage_and_the_format_of_another_release() {
    let (tenant, file) = closed();
    let whole = std::fs::read(&file).unwrap();
    for start in [0, 16_384 * 4] {
        let mut damaged = whole.clone();
        damaged[start..].fill(0xAA);
        std::fs::write(&file, damaged).unwrap();
        assert!(check(&tenant).is_some(), "{start}");
    }
    std::fs::write(&file, whole).unwrap();
    Connection::open(&file).unwrap().execute("UPDATE meta SET value = 2 WHERE name = 'format'", []).unwrap();
    assert_eq!(check(&tenant).as_deref(), Some("it has the format 2, this release knows 1"));
}

#[test]
fn a_chunk_of_another_length_is_damage() {
    let (tenant, file) = closed();
    let cut = "UPDATE items_vector_vector_chunks00 SET vectors = x'00'";
    Connection::open(&file).unwrap().execute(cut, []).unwrap();
    let found = tenant.index("a", "main", 2).search(&by_vector([1.0, 0.0]));
    assert_eq!(found, Err(Error::Damaged("main".into())));
}
