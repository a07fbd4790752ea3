//! C2: installing a component of 1 MB, compiled and from the cache. C3: what tenants' own versions take of memory.

use std::{fs, path::Path, process::Command, time::Instant};

use anyhow::{Context, Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;

use crate::{
    Setting,
    daemon::Server,
    home::{self, BenchHome},
    report::{Report, Row, Verdict, micros},
    stats::median,
};

/// The size that is installed, all of it code.
const BYTES: usize = 1 << 20;
/// So many of the tenants have versions of their own, of which there are so many.
const OWNERS: usize = 10;
const VERSIONS: usize = 20;

/// The fixture's, and one of its methods.
const FAMILY: &str = "echo00";
const METHOD: &str = "echo00.text";

pub(crate) fn of_a_megabyte(setting: &Setting, report: &mut Report) -> Result<()> {
    let home = BenchHome::make(&setting.daemon, 1, 0)?;
    let mut daemon = Server::daemon(&setting.daemon, &home.path())?;
    daemon.connect()?;
    let rounds = setting.rounds.min(5);
    let mut compiled = Vec::new();
    let mut cached = Vec::new();
    for round in 0..rounds {
        let file = home.path().with_extension("large.wasm");
        fs::write(&file, with_code(echo(setting)?, u8::try_from(round % 64)?))?;
        for took in [&mut compiled, &mut cached] {
            let begun = Instant::now();
            verb(setting, &home.path(), &["install", &file.display().to_string(), "--yes"])?;
            took.push(begun.elapsed().as_secs_f64() * 1e6);
            verb(setting, &home.path(), &["remove", FAMILY])?;
        }
    }
    for (what, took) in [("compiled", &compiled), ("from the cache", &cached)] {
        report.row(Row {
            id: "C2",
            what: format!("install of 1 MB, {what}: median"),
            measured: micros(median(took.iter().copied())),
            baseline: "the command line's process".into(),
            ratio: None,
            target: "–".into(),
            verdict: Verdict::Info,
        });
    }
    report.details("C2", json!({ "compiledMicros": compiled, "cachedMicros": cached }));
    daemon.stop()
}

pub(crate) fn of_many_tenants(setting: &Setting, report: &mut Report) -> Result<()> {
    let home = BenchHome::make(&setting.daemon, setting.tenants, 0)?;
    fs::write(home.path().join("config.yaml"), "components: {self_service: true}\n")?;
    let mut daemon = Server::daemon(&setting.daemon, &home.path())?;
    let mut connection = daemon.connect()?;
    // All have called once: what every tenant takes is there.
    for token in &home.tokens {
        connection.call(token, "health", "{}")?;
    }
    let before = daemon.memory()?;
    let owners = setting.tenants / OWNERS;
    for (n, token) in home.tokens.iter().take(owners).enumerate() {
        let wasm = STANDARD.encode(with_note(echo(setting)?, u8::try_from(n % VERSIONS)?));
        connection.call(token, "components.install", &json!({ "wasm": wasm }).to_string())?;
        connection.call(token, METHOD, r#"{"text":"hello"}"#)?;
    }
    let after = daemon.memory()?;
    let grown = after.rss.saturating_sub(before.rss) as f64 / 1024.0;
    report.row(Row {
        id: "C3",
        what: format!("{} tenants, {owners} with one of {VERSIONS} own versions: RSS", setting.tenants),
        measured: format!("{:.1} MB", after.rss as f64 / 1024.0),
        baseline: format!("{:.1} MB without", before.rss as f64 / 1024.0),
        ratio: Some(after.rss as f64 / before.rss as f64),
        target: format!("{:.1} KiB a tenant", grown * 1024.0 / owners as f64),
        verdict: Verdict::Info,
    });
    report.details("C3", json!({ "beforeKiB": before.rss, "afterKiB": after.rss, "owners": owners }));
    daemon.stop()
}

fn echo(setting: &Setting) -> Result<Vec<u8>> {
    let built = setting.components.with_file_name("fixtures").join("echo.wasm");
    fs::read(&built).with_context(|| format!("{}: build the components first", built.display()))
}

/// `openclaw components`, for the one tenant.
fn verb(setting: &Setting, home: &Path, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new(&setting.daemon);
    command.arg("components").args(arguments).args(["--tenant", home::TENANT, "--home"]).arg(home);
    let output = command.output()?;
    ensure!(output.status.success(), "components {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// The same component with other bytes: a custom section.
fn with_note(mut wasm: Vec<u8>, note: u8) -> Vec<u8> {
    section(&mut wasm, 0, &[4, b'n', b'o', b't', b'e', note]);
    wasm
}

/// The same component with a module in it that nobody uses, and that is compiled all the same: so large is the file
/// then.
fn with_code(mut wasm: Vec<u8>, seed: u8) -> Vec<u8> {
    // One function: i32.const and, again and again, i32.const and i32.add.
    let body: Vec<u8> = [&[0, 0x41, seed][..], &[0x41, 1, 0x6a].repeat(340), &[0x0b]].concat();
    let functions = BYTES.saturating_sub(wasm.len()) / (body.len() + 3);
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    section(&mut module, 1, &[1, 0x60, 0, 1, 0x7f]);
    let mut types = leb(functions);
    types.resize(types.len() + functions, 0);
    section(&mut module, 3, &types);
    let mut code = leb(functions);
    for _ in 0..functions {
        code.extend(leb(body.len()));
        code.extend_from_slice(&body);
    }
    section(&mut module, 10, &code);
    section(&mut wasm, 1, &module);
    wasm
}

fn section(wasm: &mut Vec<u8>, id: u8, content: &[u8]) {
    wasm.push(id);
    wasm.extend(leb(content.len()));
    wasm.extend_from_slice(content);
}

/// A number as WebAssembly has it.
fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}
