//! A page in headless Chromium, driven over its own protocol.

use std::{
    io::{BufRead, BufReader},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tungstenite::{Message, WebSocket, stream::MaybeTlsStream};

use crate::{PATIENCE, wait_until};

/// A browser with one page; ended when dropped.
#[derive(Debug)]
pub struct Browser {
    child: Child,
    socket: WebSocket<MaybeTlsStream<TcpStream>>,
    session: String,
    last_id: u64,
    /// What the page complained of.
    complaints: Vec<String>,
    _profile: TempDir,
}

/// Where Debian, or the tester, has it; none where it is not installed.
#[must_use]
pub fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let named =
        |name: &'static str| std::env::split_paths(&path).map(move |folder| folder.join(name)).collect::<Vec<_>>();
    ["chromium", "chromium-browser", "google-chrome"].into_iter().flat_map(named).find(|program| program.is_file())
}

impl Browser {
    /// Starts it on an empty page.
    #[must_use]
    pub fn start(program: &PathBuf) -> Self {
        let profile = TempDir::new().expect("a folder");
        let mut child = Command::new(program)
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
            .args(["--remote-debugging-port=0", "--window-size=1000,700"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .env("HOME", profile.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let mut lines = BufReader::new(child.stderr.take().expect("its output")).lines();
        let url = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("DevTools listening on ").map(str::to_owned))
            .expect("the browser listens");
        // It goes on writing, and must not wait for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        let address = url.trim_start_matches("ws://").split('/').next().unwrap_or_default().to_owned();
        let stream = TcpStream::connect(address).expect("the browser's port");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        let (socket, _) = tungstenite::client(url, MaybeTlsStream::Plain(stream)).expect("the browser's WebSocket");
        let (session, complaints) = (String::new(), Vec::new());
        let mut browser = Self { child, socket, session, last_id: 0, complaints, _profile: profile };
        let target = browser.ask("Target.createTarget", json!({ "url": "about:blank" }))["targetId"].clone();
        let attached = browser.ask("Target.attachToTarget", json!({ "targetId": target, "flatten": true }));
        browser.session = attached["sessionId"].as_str().expect("a session").to_owned();
        for domain in ["Page.enable", "Runtime.enable", "Log.enable"] {
            browser.ask(domain, json!({}));
        }
        browser
    }

    /// Opens an address.
    pub fn open(&mut self, url: &str) {
        self.ask("Page.navigate", json!({ "url": url }));
        self.wait_for(&format!("location.href.startsWith({url:?}) && document.readyState === 'complete'"));
    }

    /// Loads the page again.
    pub fn reload(&mut self) {
        self.evaluate("window.isOld = true");
        self.ask("Page.reload", json!({}));
        self.wait_for("!window.isOld && document.readyState === 'complete'");
    }

    /// The value of an expression.
    #[track_caller]
    pub fn evaluate(&mut self, expression: &str) -> Value {
        let answer = self.ask("Runtime.evaluate", json!({ "expression": expression, "returnByValue": true }));
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is true.
    #[track_caller]
    pub fn wait_for(&mut self, expression: &str) {
        // Between two pages there is none to ask.
        let asked = json!({ "expression": format!("Boolean({expression})"), "returnByValue": true });
        wait_until(expression, || self.ask("Runtime.evaluate", asked.clone())["result"]["value"] == true);
    }

    /// Types a text where the focus is; a line break is the key Enter.
    pub fn write(&mut self, text: &str) {
        let mut lines = text.split('\n').peekable();
        while let Some(line) = lines.next() {
            if !line.is_empty() {
                self.ask("Input.insertText", json!({ "text": line }));
            }
            if lines.peek().is_some() {
                let key = json!({
                    "type": "keyDown", "key": "Enter", "code": "Enter", "text": "\r", "windowsVirtualKeyCode": 13,
                });
                self.ask("Input.dispatchKeyEvent", key.clone());
                let mut up = key;
                up["type"] = "keyUp".into();
                self.ask("Input.dispatchKeyEvent", up);
            }
        }
    }

    /// Makes the window this large, in pixels.
    pub fn resize(&mut self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.ask("Emulation.setDeviceMetricsOverride", size);
    }

    /// Errors of scripts, and what the page's policy refused.
    #[must_use]
    pub fn complaints(&self) -> &[String] {
        &self.complaints
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.last_id += 1;
        let mut message = json!({ "id": self.last_id, "method": method, "params": params });
        if !self.session.is_empty() {
            message["sessionId"] = self.session.as_str().into();
        }
        self.socket.send(Message::text(message.to_string())).expect("the browser is there");
        loop {
            let text = match self.socket.read() {
                Ok(Message::Text(text)) => text,
                Ok(_) => continue,
                Err(error) => panic!("{method}: {error}"),
            };
            let answer: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            if answer["id"] == self.last_id {
                assert!(answer.get("error").is_none(), "{method}: {answer}");
                return answer["result"].clone();
            }
            self.listen(&answer);
        }
    }

    fn listen(&mut self, event: &Value) {
        let complains = match event["method"].as_str() {
            Some("Runtime.exceptionThrown") => true,
            Some("Log.entryAdded") => event["params"]["entry"]["level"] == "error",
            _ => false,
        };
        if complains {
            self.complaints.push(event["params"].to_string());
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Its children end with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
