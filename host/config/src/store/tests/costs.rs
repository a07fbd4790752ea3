//! Texts that are made to cost: everything that is done with an overlay is linear in its size, and an overlay's
//! size is bounded.

use std::fmt::Write as _;

use serde_json::json;

use super::{FILE, fixture};
use crate::REDACTED;
use crate::overlay::MAX_TEXT_BYTES;

/// Of a body that the gateway takes, and just below the longest overlay.
const SIZES: [usize; 2] = [920 * 1024, 250 * 1024];

/// A text of about so many bytes between a head and a foot.
fn repeated(bytes: usize, head: &str, foot: &str, line: impl Fn(usize) -> String) -> String {
    let mut text = head.to_owned();
    for number in 0.. {
        let line = line(number);
        if text.len() + line.len() + foot.len() > bytes {
            break;
        }
        text.push_str(&line);
    }
    text + foot
}

fn inputs(bytes: usize) -> Vec<(&'static str, String)> {
    let long = "k".repeat(200);
    let agent =
        |secret: String| move |n: usize| format!("  - {{id: a{n}, memorySearch: {{remote: {{apiKey: {secret}}}}}}}\n");
    let nested = |n: usize| format!("{}1{},", format!("{{\"{n}\":").repeat(50), "}".repeat(50));
    let mut aliases = String::from("ui:\n");
    for n in 0..250 {
        _ = writeln!(aliases, "  a{n}: &a{n} [x, x, x, x, x, x, x, x, x, x]\n  b{n}: [*a{n}]");
    }
    vec![
        ("unknown keys, YAML", repeated(bytes, "", "", |n| format!("k{n}: 1\n"))),
        ("unknown keys, JSON", repeated(bytes, "{\"x\":1", "}", |n| format!(",\"k{n}\":1"))),
        ("unknown keys, JSON5", repeated(bytes, "{x:1", ",}", |n| format!(",k{n}:1"))),
        ("one unknown key of all the length", format!("{}: 1\n", "k".repeat(bytes / 2))),
        ("allowed keys, YAML", repeated(bytes, "ui:\n", "", |n| format!("  k{n}: 1\n"))),
        ("allowed keys, JSON", repeated(bytes, "{\"ui\":{\"x\":1", "}}", |n| format!(",\"k{n}\":1"))),
        ("below a long key", repeated(bytes, &format!("ui:\n  {long}:\n"), "", |n| format!("    k{n}: 1\n"))),
        ("protected, below long keys", {
            let head: String = (0..50).map(|level| format!("{}{long}:\n", " ".repeat(level + 1))).collect();
            repeated(bytes, &format!("models:\n{head}"), "", |n| format!("{}k{n}: 1\n", " ".repeat(60)))
        }),
        ("nested 50 deep", repeated(bytes, "{\"ui\":{\"l\":[", "1]}}", nested)),
        ("one long text", format!("ui: {{a: \"{}\"}}\n", "x".repeat(bytes - 20))),
        ("secrets, YAML", {
            repeated(bytes, "channels:\n x:\n  accounts:\n", "", |n| format!("   a{n}: {{token: sec{n}}}\n"))
        }),
        ("secrets, JSON", {
            let head = "{\"channels\":{\"x\":{\"accounts\":{\"x\":{}";
            repeated(bytes, head, "}}}}", |n| format!(",\"a{n}\":{{\"token\":\"sec{n}\"}}"))
        }),
        ("secrets of agents", repeated(bytes, "agents:\n  list:\n", "", agent("sec".to_owned()))),
        ("placeholders of agents", repeated(bytes, "agents:\n  list:\n", "", agent(REDACTED.to_owned()))),
        ("aliases", aliases),
        ("comments", repeated(bytes, "", "ui: {a: 1}\n", |n| format!("# {n}\n"))),
        ("comments in JSON5", repeated(bytes, "", "{ui: {a: 1}}\n", |n| format!("// {n}\n"))),
        ("allowed tools", repeated(bytes, "tools: {allow: [", "x]}", |n| format!("t{n}, "))),
        ("denied tools", repeated(bytes, "tools: {deny: [", "x]}", |n| format!("t{n}, "))),
        ("open brackets", "[".repeat(bytes)),
        ("open braces", "{a:".repeat(bytes / 3)),
    ]
}

/// Those that hold few values, and so are overlays like any other as long as they are short enough.
const FEW_VALUES: [&str; 4] = ["aliases", "comments", "comments in JSON5", "one long text"];

#[test]
fn a_hundred_thousand_keys_are_refused_by_their_number() {
    for bytes in SIZES {
        for (name, text) in inputs(bytes) {
            let fixture = fixture(json!({"tools": {"allow": ["read", "write"], "deny": ["exec"]}}));
            let fits = FEW_VALUES.contains(&name) && text.len() <= MAX_TEXT_BYTES;
            for answer in [fixture.replace(&text), fixture.replace(&text), fixture.patch(&text)] {
                match answer {
                    Ok(_) => assert!(fits, "{name} of {} bytes was taken", text.len()),
                    Err(refusal) => {
                        let told = refusal.to_string();
                        assert!(!fits, "{name} of {} bytes: {told}", text.len());
                        assert!(told.len() < 24 << 10, "{name}: a refusal of {} bytes", told.len());
                    }
                }
            }
            assert_eq!(fixture.on_disk(FILE).is_some(), fits, "{name}");
        }
    }
}
