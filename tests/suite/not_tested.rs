//! What this machine lacks and is therefore not tested on it, told in one place: a test that ends for want of
//! something passes, and nextest shows what passing tests print of this one alone (`.config/nextest.toml`).
//!
//! With `CI` set a missing Docker or Chromium fails, with `OPENCLAW_LANGUAGES=1` a missing language, with
//! `OPENCLAW_COMPAT=1` a missing client and with `OPENCLAW_E2E_MODEL=1` a missing model, each in its own test.

use std::io::Write;

use crate::{
    languages,
    models::{official, real},
    sandbox::docker,
    terminal::page,
};

#[test]
fn what_is_not_tested_here_is_told() {
    let docker = docker::missing().map(|why| format!("the sandbox's mode of Docker: {why}"));
    let client = official::missing().map(|why| format!("OpenAI's own client: {why}"));
    let model = real::missing().map(|why| format!("a real language model: {why}"));
    let page = page::missing().map(|why| format!("/terminal.html: {why}"));
    let told = docker.into_iter().chain(client).chain(model).chain(page).chain(languages::missing());
    for what in told {
        writeln!(std::io::stderr(), "NOT TESTED: {what}").expect("stderr");
    }
}
