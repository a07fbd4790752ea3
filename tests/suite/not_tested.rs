//! What this machine lacks and is therefore not tested on it, told in one place: a test that ends for want of
//! something passes, and nextest shows what passing tests print of this one alone (`.config/nextest.toml`).
//!
//! With `CI` set a missing Docker fails, with `OPENCLAW_LANGUAGES=1` a missing language and with
//! `OPENCLAW_COMPAT=1` a missing client, each in its own test.

use std::io::Write;

use crate::{languages, models::official, sandbox::docker};

#[test]
fn what_is_not_tested_here_is_told() {
    let docker = docker::missing().map(|why| format!("the sandbox's mode of Docker: {why}"));
    let client = official::missing().map(|why| format!("OpenAI's own client: {why}"));
    let told = docker.into_iter().chain(client).chain(languages::missing());
    for what in told {
        writeln!(std::io::stderr(), "NOT TESTED: {what}").expect("stderr");
    }
}
