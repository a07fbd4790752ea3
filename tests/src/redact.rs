//! What differs from run to run, out of a snapshot.

use std::sync::LazyLock;

use regex::Regex;

static RULES: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let rule = |pattern: &str, with| (Regex::new(pattern).expect("a pattern"), with);
    vec![
        rule(r"tk_([a-z0-9_-]+)_[0-9a-f]{32}", "tk_${1}_[secret]"),
        rule(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z", "[time]"),
        rule(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}(:\d{2})?( UTC|Z)?", "[time]"),
        // A column is as wide as its times, whose fractions differ in length.
        rule(r"\[time\]  +", "[time]  "),
        rule(r"CREATED +", "CREATED  "),
        rule(r"\b[0-9A-HJKMNP-TV-Z]{26}\b", "[ulid]"),
        rule(r"\b[0-9a-f]{64}\b", "[sha256]"),
        rule(r"127\.0\.0\.1:\d+", "127.0.0.1:[port]"),
        rule(r"/[^\s\x22',]*openclaw-home-[A-Za-z0-9]+", "[home]"),
        rule(r"\bpid \d+", "pid [pid]"),
        rule(r"\b\d{13}\b", "[ms]"),
    ]
});

/// The text with tokens, times, ids, ports and temporary folders replaced.
#[must_use]
pub fn redact(text: &str) -> String {
    RULES.iter().fold(text.to_owned(), |text, (pattern, with)| pattern.replace_all(&text, *with).into_owned())
}
