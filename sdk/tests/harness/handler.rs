//! A handler that does one thing with each capability.

use openclaw_sdk::{Call, Error, JsonSchema, NoParams, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Text {
    text: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Numbers {
    #[serde(default)]
    numbers: Vec<f32>,
}

/// Does one thing with each capability.
#[openclaw_sdk::handler(
    family = "probe",
    version = "1.0.0",
    events("probe.done"),
    shared_documents("sessions/sessions", "sessions/archives:write"),
    capabilities("memory-mb:8" = "holds nothing")
)]
pub(crate) mod probe {
    use super::*;
    use openclaw_sdk::channels::Message;
    use openclaw_sdk::documents::{Order, Range};
    use openclaw_sdk::http::Request;
    use openclaw_sdk::log::{self, Level};
    use openclaw_sdk::pty::{Size, SpawnOptions};
    use openclaw_sdk::sandbox::Workload;
    use openclaw_sdk::vectors::{Item, Query};
    use openclaw_sdk::{monotonic_ms, now_ms, sleep, ulid};
    use std::time::Duration;

    /// Answers what it was sent.
    #[method(scope = read)]
    fn echo(_: &Call, params: Text) -> Result<Text> {
        Ok(params)
    }

    /// What is known of the call.
    #[method(scope = read)]
    fn facts(call: &Call, _: NoParams) -> Result<Value> {
        Ok(json!([call.method(), call.family(), call.tenant(), call.is_operator(), call.scopes()]))
    }

    /// Answers what its schema forbids.
    #[method(scope = read)]
    fn lie(_: &Call, _: NoParams) -> Result<openclaw_sdk::Encoded<Text>> {
        Ok(openclaw_sdk::Encoded::new(br#"{"text": 1}"#.to_vec()))
    }

    /// Refuses with the code that it is told.
    #[method(scope = read)]
    fn refuse(_: &Call, params: Text) -> Result<Text> {
        Err(Error::new(&params.text, "as you wish"))
    }

    /// Tells the time before and after a minute.
    #[method(scope = read)]
    fn wait(_: &Call, _: NoParams) -> Result<Value> {
        let before = (now_ms(), monotonic_ms());
        sleep(Duration::from_secs(60));
        Ok(json!({"wall": now_ms() - before.0, "monotonic": monotonic_ms() - before.1, "id": ulid()}))
    }

    /// Keeps a text and counts the texts.
    #[method(scope = write)]
    fn keep(call: &Call, params: Text) -> Result<u64> {
        let database = call.documents()?;
        database.transaction().insert("texts", &params.text, &params.text, 0)?.commit()?;
        database.collection("texts").count("")
    }

    /// The keys of the sessions.
    #[method(scope = read)]
    fn sessions(call: &Call, _: NoParams) -> Result<Vec<String>> {
        let page = call.shared_documents("sessions", "sessions")?.scan(&Range::first(10, Order::RankDescending))?;
        Ok(page.documents.into_iter().map(|document| document.key).collect())
    }

    /// Appends to a log of the sessions.
    #[method(scope = write)]
    fn archive(call: &Call, params: Text) -> Result<Vec<u64>> {
        call.shared_documents_write("sessions")?.transaction().append(&params.text, vec![b"1".to_vec()]).commit()
    }

    /// Writes a file and lists the directory that it is in.
    #[method(scope = write)]
    fn file(call: &Call, params: Text) -> Result<Vec<String>> {
        let files = call.files()?;
        files.write(&params.text, b"content")?;
        let directory = params.text.rsplit_once('/').map_or("", |(directory, _)| directory);
        Ok(files.list(directory)?.into_iter().map(|entry| entry.name).collect())
    }

    /// Sets a key of the configuration to true and answers it.
    #[method(scope = write)]
    fn configure(call: &Call, params: Text) -> Result<Option<Value>> {
        let patch = json!({ params.text.as_str(): true }).to_string();
        let _: Value = call.config_write()?.patch(&patch, None)?;
        call.config()?.effective(&format!("/{}", params.text))
    }

    /// Keeps a secret and reads it back.
    #[method(scope = write)]
    fn secret(call: &Call, params: Text) -> Result<Vec<u8>> {
        call.secrets()?.put("key", params.text.as_bytes())?;
        call.reveal_secret("key")
    }

    /// Publishes an event and logs its number.
    #[method(scope = write)]
    fn publish(call: &Call, params: Text) -> Result<u64> {
        let sequence = call.events()?.publish(&params.text, &"payload")?;
        log::emit(Level::Info, "published", &[("sequence", &sequence.to_string())]);
        Ok(sequence)
    }

    /// What the tenant has used.
    #[method(scope = read)]
    fn usage(call: &Call, _: NoParams) -> Result<Map<String, Value>> {
        call.usage()?.current(false)
    }

    /// Deletes the tenant.
    #[method(scope = write)]
    fn leave(call: &Call, _: NoParams) -> Result<Map<String, Value>> {
        call.tenancy_control()?.delete()?;
        call.tenancy()?.record()
    }

    /// Calls a method with a text.
    #[method(scope = read)]
    fn forward(call: &Call, params: Text) -> Result<Value> {
        call.methods()?.call(&params.text, &params)
    }

    /// Sets a timer for the next minute.
    #[method(scope = write)]
    fn remind(call: &Call, params: Text) -> Result<usize> {
        let timers = call.timers()?;
        timers.set(&params.text, now_ms() + 60_000, &params)?;
        Ok(timers.list()?.len())
    }

    /// Runs a command.
    #[method(scope = write)]
    fn run(call: &Call, params: Text) -> Result<String> {
        let outcome = call.sandbox()?.run(&Workload::new(params.text.split(' ')))?;
        Ok(String::from_utf8_lossy(&outcome.stdout).into_owned())
    }

    /// Asks a host elsewhere: the status, a header and the body of its answer.
    #[method(scope = read)]
    fn fetch(call: &Call, params: Text) -> Result<Value> {
        let answer = call.http()?.send(&Request::get(params.text))?;
        Ok(json!([answer.status, answer.header("X-Rate"), String::from_utf8_lossy(&answer.body)]))
    }

    /// Types into a new terminal, by another handle than it was made with.
    #[method(scope = write)]
    fn shell(call: &Call, params: Text) -> Result<String> {
        let terminals = call.terminals()?;
        let id = terminals.spawn(&SpawnOptions::shell(Size { columns: 80, rows: 24 }))?.information()?.id;
        let terminal = terminals.attach(&id)?;
        terminal.write(params.text.as_bytes())?;
        let output = terminal.scrollback()?;
        terminal.close()?;
        Ok(String::from_utf8_lossy(&output).into_owned())
    }

    /// Asks the model and joins its pieces.
    #[method(scope = write)]
    fn ask(call: &Call, params: Text) -> Result<String> {
        let pieces = call.model()?.complete(&json!({"model": "test", "messages": [params.text]}))?;
        let texts = pieces.filter(|piece| piece.as_ref().is_ok_and(|chunk| chunk.kind == "text"));
        texts.map(|piece| piece?.parse::<String>()).collect()
    }

    /// Embeds a text.
    #[method(scope = write)]
    fn embed(call: &Call, params: Text) -> Result<Vec<f32>> {
        Ok(call.embeddings()?.embed(&[params.text])?.concat())
    }

    /// Embeds the name of an agent, for that agent.
    #[method(scope = write)]
    fn sign(call: &Call, params: Text) -> Result<Vec<f32>> {
        Ok(call.embeddings()?.embed_for(std::slice::from_ref(&params.text), &params.text)?.concat())
    }

    /// Indexes a vector and answers the nearest, where there is one already.
    #[method(scope = write)]
    fn index(call: &Call, params: Numbers) -> Result<Vec<String>> {
        let index = call.vectors("numbers", 2)?;
        let query = Query { vector: params.numbers.clone(), text: String::new(), limit: 1, vector_weight: 1.0 };
        let nearest = index.search(&query)?;
        let id = index.count()?.to_string();
        index.upsert(&[Item { id, vector: params.numbers, text: String::new(), attributes: b"{}".to_vec() }])?;
        Ok(nearest.into_iter().map(|hit| hit.id).collect())
    }

    /// Sends a node a command.
    #[method(scope = write)]
    fn command(call: &Call, params: Text) -> Result<Value> {
        let nodes = call.nodes()?;
        let first = nodes.list()?.into_iter().next().ok_or_else(|| Error::not_found("no node"))?;
        nodes.invoke(&first.node_id, &params.text, &json!({}), 1000, "once")
    }

    /// Sends a message.
    #[method(scope = write)]
    fn send(call: &Call, params: Text) -> Result<String> {
        call.channels()?.send(&Message::text(params.text, "ann", "hello"))
    }
}

/// Another family of the same tenant.
#[openclaw_sdk::handler(family = "other", version = "1.0.0")]
pub(crate) mod other {
    use super::*;

    /// Answers what it was sent.
    #[method(scope = read)]
    fn echo(_: &Call, params: Text) -> Result<Text> {
        Ok(params)
    }
}
