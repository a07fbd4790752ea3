//! `http_fetch`: a request to a host elsewhere, where the operator lets agents ask it (`components.grants.chat`).

use super::{Tool, Toolbox, read};
use openclaw_sdk::http::Request;
use openclaw_sdk::{Error, Result};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(super) const HTTP_FETCH: Tool = Tool {
    name: "http_fetch",
    group: "group:web",
    description: "Sends an HTTP request to a host that is allowed, and answers the status and the text. Redirects are \
        not followed.",
    arguments: || {
        let properties = json!({
            "url": { "type": "string" },
            "method": { "type": "string", "enum": ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] },
            "headers": { "type": "object", "additionalProperties": { "type": "string" } },
            "body": { "type": "string" },
        });
        (properties, &["url"])
    },
    run,
};

const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    url: String,
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Option<String>,
}

fn run(toolbox: &Toolbox<'_>, arguments: Value) -> Result<String> {
    let Arguments { url, method, headers, body } = read(arguments)?;
    let method = method.unwrap_or_else(|| "GET".to_owned());
    if !METHODS.contains(&method.as_str()) {
        return Err(Error::invalid(format!("{method} is not a method of this tool")));
    }
    let request =
        Request { method, url, headers: headers.into_iter().collect(), body: body.unwrap_or_default().into_bytes() };
    let response = toolbox.call.http()?.send(&request)?;
    let mut text = format!("status {}\n", response.status);
    for name in ["content-type", "location"] {
        if let Some(value) = response.header(name) {
            text.push_str(&format!("{name}: {value}\n"));
        }
    }
    match String::from_utf8(response.body) {
        Ok(body) => text.push_str(&format!("\n{body}")),
        Err(bytes) => text.push_str(&format!("\n({} bytes that are no text)", bytes.as_bytes().len())),
    }
    Ok(text)
}
