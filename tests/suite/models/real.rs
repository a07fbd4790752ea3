//! A real language model, small enough for any machine: SmolLM2-135M, served on this one (`scripts/install-model`).
//! What it says is its own affair; what it is billed by is the server's numbers, or is said to be estimated.
//!
//! With `OPENCLAW_E2E_MODEL=1` (`just e2e-model`) it has to work; without, it is left out and told of
//! (`not_tested.rs`).

use std::{
    fs::File,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use openclaw_tests::{wait_until, workspace};

use super::*;

/// Why it is not tested, where it is not.
pub(crate) fn missing() -> Option<&'static str> {
    let wanted = std::env::var_os("OPENCLAW_E2E_MODEL").is_some_and(|value| value == "1");
    (!wanted).then_some("it is not asked for (just e2e-model)")
}

/// The server; it ends with the test.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start() -> Self {
        let at = |file: &str| -> PathBuf { workspace().join("target/model").join(file) };
        let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
        let address = free.expect("a free port");
        let log = File::create(at("server.log")).expect("a log");
        let child = Command::new(at("bin/python"))
            .args(["-m", "llama_cpp.server", "--model_alias", "small", "--n_ctx", "8192", "--seed", "1"])
            .arg("--model")
            .arg(at("model.gguf"))
            .args(["--host", "127.0.0.1", "--port", &address.port().to_string()])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the log"))
            .stderr(log)
            .spawn()
            .expect("target/model is installed (scripts/install-model)");
        let server = Self { child, address };
        wait_until("the model is loaded", || {
            Request::get("/v1/models").send(address).is_ok_and(|response| response.status == 200)
        });
        server
    }

    /// Asks the server itself, as the gateway does.
    fn ask(&self, body: &Value) -> Value {
        let request = Request::new("POST", CHAT).header("Content-Type", "application/json").body(body.to_string());
        request.send(self.address).expect("an answer").json()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn served_by_it(server: &Server) -> Daemon {
    let url = format!("http://{}/v1", server.address);
    Daemon::start_with(&format!(
        "models:\n  default: small\n  providers:\n    - id: local\n      kind: openai\n      base_url: {url}\n      \
         models: [{{id: small, max_output_tokens: 48, context_window: 8192}}]\n{PRICES}"
    ))
}

/// The same words each time.
fn question(text: &str) -> Value {
    let mut body = says(text);
    body["temperature"] = json!(0);
    body["max_tokens"] = json!(24);
    body
}

#[test]
fn its_calls_are_billed_by_its_own_numbers_and_its_streams_are_estimated() {
    if missing().is_some() {
        return;
    }
    let server = Server::start();
    let daemon = served_by_it(&server);
    let tenant = daemon.tenant("acme");
    let asked = question("What is the capital of France?");

    let whole = post(&tenant, CHAT, &asked);
    assert_eq!((whole.status, whole.header("x-openclaw-outcome")), (200, Some("ok")), "{}", whole.text());
    let usage = whole.json()["usage"].clone();
    let alone = server.ask(&asked)["usage"].clone();
    for class in ["prompt_tokens", "completion_tokens"] {
        assert_eq!(usage[class], alone[class], "the server says the same without us");
    }
    let row = calls(&daemon, "acme")[0].clone();
    assert_eq!((&row["input_tokens"], &row["output_tokens"]), (&usage["prompt_tokens"], &usage["completion_tokens"]));
    let [input, output] = ["prompt_tokens", "completion_tokens"].map(|name| usage[name].as_u64().expect(name));
    assert_eq!(row["cost_usd"], format!("0.{:06}000000", input + 2 * output), "to the last digit");

    let mut streamed = asked;
    streamed["stream"] = true.into();
    let stream = post(&tenant, CHAT, &streamed);
    let chunks = data(&stream);
    assert_eq!(chunks.last().map(String::as_str), Some("[DONE]"), "{}", stream.text());
    let said: String = chunks
        .iter()
        .filter_map(|chunk| serde_json::from_str::<Value>(chunk).ok())
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned))
        .collect();
    assert!(!said.is_empty(), "{}", stream.text());
    assert!(stream.text().contains(" outcome estimated\n"), "its streams report no usage: {}", stream.text());

    let answered = tenant.ok("agent", json!({ "message": "Say hello.", "idempotencyKey": "r1" }));
    assert_eq!(answered["status"], "ok", "{answered}");
    let of_turn = &answered["result"]["meta"]["usage"];
    let rows = calls(&daemon, "acme");
    let of_rows = |name: &str| rows[2..].iter().map(|row| row[name].as_u64().expect(name)).sum::<u64>();
    assert_eq!(
        (of_turn["input"].as_u64(), of_turn["output"].as_u64()),
        (Some(of_rows("input_tokens")), Some(of_rows("output_tokens")))
    );

    let report = daemon.operator().ok("billing.report", json!({ "tenantId": "acme" }));
    let line = &report["rows"][0];
    assert_eq!(line["requests"], rows.len());
    assert_eq!(line["estimated_rows"], rows.len() - 1, "all but the one that was not streamed");
    is_sound(&daemon);
}
