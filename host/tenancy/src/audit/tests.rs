use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use openclaw_control::Durability;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Actor, Audit, AuditError, AuditEvent, LostEntries};
use crate::Home;

fn home() -> (tempfile::TempDir, Home, PathBuf) {
    let parent = tempfile::tempdir().unwrap();
    let home = Home::open(parent.path()).unwrap();
    let path = home.audit_path();
    (parent, home, path)
}

fn event(n: usize) -> AuditEvent {
    AuditEvent {
        actor: Actor::Operator,
        tenant: Some("acme".parse().unwrap()),
        action: "tenant.quota",
        detail: json!({ "n": n, "text": "a \"quoted\"\nline, \"hash\":\"no\"" }),
    }
}

fn write(home: &Home, entries: usize) {
    let audit = Audit::open(home, Durability::Process).unwrap();
    (0..entries).for_each(|n| audit.append(event(n)).unwrap());
}

#[test]
fn entries_are_lines_of_json_in_one_chain_across_restarts() {
    let (_parent, home, path) = home();
    write(&home, 2);
    write(&home, 3);
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 5);
    for (n, line) in lines.iter().enumerate() {
        assert_eq!(line["seq"], n + 1);
        assert_eq!(line["actor"], "operator");
        assert_eq!(line["tenant"], "acme");
        assert!(n == 0 || line["prev"] == lines[n - 1]["hash"]);
    }
    assert_eq!(Audit::verify(&path).unwrap().entries, 5);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_line_cut_short_is_set_aside_and_the_chain_goes_on() {
    let (parent, home, path) = home();
    write(&home, 2);
    std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"ts\":\"20").unwrap();
    assert_eq!(Audit::verify(&path).unwrap_err().line, 3);
    write(&home, 1);
    assert_eq!(Audit::verify(&path).unwrap().entries, 4);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.lines().nth(2).unwrap().contains("\"action\":\"audit.torn\""));
    assert_eq!(std::fs::read(parent.path().join("audit.jsonl.torn")).unwrap(), b"{\"ts\":\"20\n");
}

#[test]
fn a_log_whose_last_line_is_no_entry_is_not_continued() {
    let (_parent, home, path) = home();
    write(&home, 1);
    std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"nonsense\n").unwrap();
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(Audit::open(&home, Durability::Process), Err(AuditError::Unreadable { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn concurrent_entries_keep_one_chain() {
    let (_parent, home, path) = home();
    let audit = Audit::open(&home, Durability::PowerSafe).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..50).for_each(|n| audit.append(event(n)).unwrap()));
        }
    });
    assert_eq!(Audit::verify(&path).unwrap().entries, 200);
}

#[test]
fn a_missing_log_holds_nothing() {
    let (_parent, _home, path) = home();
    assert_eq!(Audit::verify(&path).unwrap().entries, 0);
}

fn lines(path: &std::path::Path) -> Vec<Value> {
    std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_log_that_is_lost_under_its_writer_is_begun_anew_and_the_first_entry_says_so() {
    type Lose = fn(&std::path::Path);
    let ways: [(&str, Lose); 4] = [
        ("removed", |path| std::fs::remove_file(path).unwrap()),
        ("replaced", |path| {
            std::fs::remove_file(path).unwrap();
            std::fs::write(path, "another file\n").unwrap();
        }),
        ("altered", |path| std::fs::write(path, "").unwrap()),
        ("altered", |path| {
            std::fs::OpenOptions::new().append(true).open(path).unwrap().write_all(b"forged\n").unwrap();
        }),
    ];
    for (loss, lose) in ways {
        let (parent, home, path) = home();
        let audit = Audit::open(&home, Durability::PowerSafe).unwrap();
        (0..3).for_each(|n| audit.append(event(n)).unwrap());
        let last = lines(&path).pop().unwrap();
        lose(&path);
        let left = std::fs::read(&path).ok();
        (3..5).for_each(|n| audit.append(event(n)).unwrap());
        let written = lines(&path);
        assert_eq!(written.len(), 3, "{loss}");
        assert_eq!(written[0]["action"], "audit.lost");
        assert_eq!(written[0]["detail"]["loss"], loss);
        assert_eq!((&written[0]["detail"]["lastSeq"], &written[0]["seq"]), (&json!(3), &json!(4)));
        assert_eq!(written[0]["detail"]["lastHash"], last["hash"]);
        assert_eq!(written[0]["prev"], last["hash"]);
        let summary = Audit::verify(&path).unwrap();
        assert_eq!((summary.entries, summary.lost), (3, Some(LostEntries::Number(3))), "{loss}");
        // What had the name meanwhile keeps every byte.
        let aside = written[0]["detail"]["setAside"].as_str().map(|name| std::fs::read(parent.path().join(name)));
        assert_eq!(aside.transpose().unwrap(), left, "{loss}");
        // The new file is continued like any other.
        drop(audit);
        write(&home, 1);
        assert_eq!(Audit::verify(&path).unwrap().entries, 4);
    }
}

#[test]
fn a_log_that_is_missing_beside_tenants_is_begun_with_an_entry_that_says_so() {
    let (parent, home, path) = home();
    std::fs::create_dir_all(parent.path().join("tenants/acme")).unwrap();
    write(&home, 1);
    assert_eq!(lines(&path)[0]["detail"]["loss"], "missing");
    assert_eq!(Audit::verify(&path).unwrap().lost, Some(LostEntries::Unknown));
    write(&home, 1);
    assert_eq!(Audit::verify(&path).unwrap().entries, 3);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_change_but_a_cut_at_the_end_is_found(
        at in any::<prop::sample::Index>(), byte in any::<u8>(), whole_line in any::<bool>(),
    ) {
        let (_parent, home, path) = home();
        write(&home, 4);
        let mut bytes = std::fs::read(&path).unwrap();
        let changed = if whole_line {
            let mut lines: Vec<&[u8]> = bytes.split_inclusive(|&b| b == b'\n').collect();
            let removed = at.index(3);
            lines.remove(removed);
            lines.concat()
        } else {
            let position = at.index(bytes.len());
            prop_assume!(bytes[position] != byte);
            bytes[position] = byte;
            bytes
        };
        std::fs::write(&path, changed).unwrap();
        prop_assert!(Audit::verify(&path).is_err());
    }
}
