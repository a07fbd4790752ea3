//! C4: from a key to its echo, over `/terminal`, beside the kernel's own terminal.
//!
//! Both echo by the terminal itself: what the gateway, the WebSocket and the sandbox add is the difference.

use std::{
    fs::File,
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use serde_json::{Value, json};
use tungstenite::{ClientRequestBuilder, Message, WebSocket, http::Uri};

use crate::{
    Setting,
    daemon::Server,
    home::BenchHome,
    report::{Report, Row, Verdict, micros},
    stats::Latency,
};

/// Keys of one round of the setting.
const KEYS: usize = 200;
/// A line is ended now and then: the kernel takes no longer one than 4095 characters.
const LINE: usize = 64;

pub(crate) fn measure(setting: &Setting, report: &mut Report) -> Result<()> {
    let home = BenchHome::make(&setting.daemon, 1, 0)?;
    let mut server = Server::daemon(&setting.daemon, &home.path())?;
    drop(server.connect()?);
    let mut terminal = Terminal::spawn(&server, &home.tokens[0])?;
    let mut kernel = Kernel::open()?;
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for key in 0..KEYS * setting.rounds {
        let typed = if key % LINE == LINE - 1 { b'\n' } else { b'x' };
        bare.push(timed(|| kernel.echo(typed))?);
        ours.push(timed(|| terminal.echo(typed))?);
    }
    let (ours, bare) = (Latency::of(ours), Latency::of(bare));
    report.row(Row {
        id: "C4",
        what: "a key and its echo over /terminal, p50 (p99)".to_owned(),
        measured: format!("{} ({})", micros(ours.p50), micros(ours.p99)),
        baseline: format!("kernel {}", micros(bare.p50)),
        ratio: Some(ours.p50 / bare.p50),
        target: "p99 ≤ 20 ms".to_owned(),
        verdict: Verdict::of(ours.p99 <= 20_000.0),
    });
    report.details("C4", json!({ "terminalUs": ours, "kernelUs": bare }));
    drop(terminal);
    server.stop()
}

/// Nanoseconds.
fn timed(act: impl FnOnce() -> Result<()>) -> Result<u64> {
    let began = Instant::now();
    act()?;
    Ok(u64::try_from(began.elapsed().as_nanos())?)
}

/// How many bytes a key shows.
fn shown_by(key: u8) -> usize {
    if key == b'\n' { 2 } else { 1 }
}

/// A terminal of the gateway's in which a program reads.
struct Terminal {
    socket: WebSocket<TcpStream>,
}

impl Terminal {
    fn spawn(server: &Server, token: &str) -> Result<Self> {
        let uri: Uri = format!("ws://{}/terminal", server.address).parse()?;
        let request = ClientRequestBuilder::new(uri).with_header("Authorization", format!("Bearer {token}"));
        let stream = TcpStream::connect(server.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let (socket, _) = tungstenite::client(request, stream).context("no WebSocket")?;
        let mut terminal = Self { socket };
        // Reads whole lines, and says nothing.
        let params = json!({ "cmd": ["sh", "-c", "echo ready; exec cat > /dev/null"] });
        terminal.say(&json!({ "type": "spawn", "params": params }))?;
        let mut shown = Vec::new();
        while !shown.ends_with(b"ready\r\n") {
            shown.extend(terminal.next()?);
        }
        Ok(terminal)
    }

    fn echo(&mut self, key: u8) -> Result<()> {
        self.socket.send(Message::binary(vec![key]))?;
        let mut missing = shown_by(key);
        while missing > 0 {
            let shown = self.next()?;
            ensure!(shown.len() <= missing, "more came than was typed");
            missing -= shown.len();
        }
        self.say(&json!({ "type": "ack", "bytes": shown_by(key) }))
    }

    fn say(&mut self, control: &Value) -> Result<()> {
        Ok(self.socket.send(Message::text(control.to_string()))?)
    }

    fn next(&mut self) -> Result<Vec<u8>> {
        loop {
            match self.socket.read()? {
                Message::Binary(bytes) => return Ok(bytes.to_vec()),
                Message::Close(frame) => bail!("the terminal was closed: {frame:?}"),
                Message::Text(text) if text.contains("\"error\"") => bail!("no terminal: {text}"),
                _ => {}
            }
        }
    }
}

/// The kernel's terminal alone, from its own side.
struct Kernel {
    ours: File,
    /// Read from, so that it does not fill.
    theirs: File,
}

impl Kernel {
    fn open() -> Result<Self> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let ours = openpt(flags)?;
        grantpt(&ours)?;
        unlockpt(&ours)?;
        let theirs = ioctl_tiocgptpeer(&ours, flags)?;
        Ok(Self { ours: ours.into(), theirs: theirs.into() })
    }

    fn echo(&mut self, key: u8) -> Result<()> {
        self.ours.write_all(&[key])?;
        let mut shown = [0; 2];
        self.ours.read_exact(shown.get_mut(..shown_by(key)).unwrap_or_default())?;
        if key == b'\n' {
            let mut line = [0; 2 * LINE];
            ensure!(self.theirs.read(&mut line)? > 0, "the line did not come");
        }
        Ok(())
    }
}
