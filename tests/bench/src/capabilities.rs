//! C1: what one use of each capability costs, as a component has it: a call that uses one so often, less a call that
//! uses none, over their number. There is no target; a capability that grew dear shows.

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    process::Command,
    thread,
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use serde_json::{Map, json};

use crate::{
    Setting,
    daemon::Server,
    home::{self, BenchHome},
    report::{Report, Row, Verdict, micros},
    stats::median,
    wire::Connection,
};

/// What is used, and how often in one call: a write waits for the disk.
const USES: [(&str, u32); 16] = [
    ("clock", 200),
    ("random", 200),
    ("log", 200),
    ("documents.get", 200),
    ("documents.put", 40),
    ("files.read", 200),
    ("files.write", 40),
    ("workspace.read", 200),
    ("config", 200),
    ("secrets.put", 40),
    ("secrets.reveal", 200),
    ("events", 200),
    ("usage", 200),
    ("tenancy", 200),
    ("methods", 100),
    ("http", 40),
];

const GRANTS: &str =
    "config,usage,tenancy,secrets,secrets-reveal,directory:workspace:write,method:toll.nothing,http:127.0.0.1";

pub(crate) fn measure(setting: &Setting, report: &mut Report) -> Result<()> {
    let home = BenchHome::make(&setting.daemon, 1, 0)?;
    fs::write(home.path().join("config.yaml"), "components: {http: {private_addresses: [127.0.0.1]}}\n")?;
    let token = &home.tokens[0];
    let mut daemon = Server::daemon(&setting.daemon, &home.path())?;
    let mut connection = daemon.connect()?;
    install(setting, &home)?;
    let url = host()?;
    let mut pay = |what: &str, times: u32| -> Result<f64> {
        let params = json!({ "what": what, "times": times, "url": url }).to_string();
        let once = |connection: &mut Connection| -> Result<f64> {
            let begun = Instant::now();
            connection.call(token, "toll.pay", &params)?;
            Ok(begun.elapsed().as_secs_f64() * 1e6)
        };
        for _ in 0..3 {
            once(&mut connection)?;
        }
        let took = (0..setting.rounds * 5).map(|_| once(&mut connection)).collect::<Result<Vec<_>>>()?;
        Ok(median(took))
    };
    // What is read is there.
    for what in ["documents.put", "files.write", "secrets.put"] {
        pay(what, 1)?;
    }
    let work = home.path().join("tenants").join(home::TENANT).join("sandbox/work");
    fs::create_dir_all(&work)?;
    fs::write(work.join("one.txt"), "one")?;
    let mut details = Map::new();
    for (what, times) in USES {
        let nothing = pay(what, 0)?;
        let cost = (pay(what, times)? - nothing).max(0.0) / f64::from(times);
        details.insert(what.to_owned(), json!(cost));
        report.row(Row {
            id: "C1",
            what: format!("one use of {what}"),
            measured: micros(cost),
            baseline: format!("{} a call", micros(nothing)),
            ratio: None,
            target: "–".into(),
            verdict: Verdict::Info,
        });
    }
    report.details("C1", json!({ "micros": details }));
    daemon.stop()
}

/// Installs the fixture by the command line, with all that it uses.
fn install(setting: &Setting, home: &BenchHome) -> Result<()> {
    let built = setting.components.with_file_name("fixtures").join("toll.wasm");
    let mut command = Command::new(&setting.daemon);
    command.args(["components", "install", "--tenant", home::TENANT, "--yes", "--home"]).arg(home.path()).arg(&built);
    for grant in GRANTS.split(',') {
        command.args(["--grant", grant]);
    }
    let output = command.output().with_context(|| format!("{}", built.display()))?;
    ensure!(output.status.success(), "components install: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// A host that answers at once.
fn host() -> Result<String> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let url = format!("http://{}/", listener.local_addr()?);
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // One request, in one piece.
            let read = stream.read(&mut [0; 4096]);
            let _ = read.and_then(|_| stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
        }
    });
    Ok(url)
}
